locals {
  labels = merge({ app = var.name }, var.labels)

  # GKE is looked up only where the settings make it the way to the cluster.
  gke = (
    var.rules_from == "cluster" && var.kube_config_secret == ""
    ? try(regex("^projects/([^/]+)/locations/([^/]+)/clusters/([^/]+)$", var.cluster_name), [])
    : []
  )
  secret = try(regex("^projects/([^/]+)/(?:locations/([^/]+)/)?secrets/([^/]+)", var.kube_config_secret), [])

  # Where disks are: those whose volumes name no project, the cluster's, and those that are listed.
  disk_projects = toset(concat(
    [coalesce(var.gcloud_project, var.project_id)],
    slice(local.gke, 0, min(1, length(local.gke))),
    var.projects,
  ))

  seconds = {
    for name, text in { period = var.schedule_period, deadline = var.pass_deadline, mirror = var.mirror_max_age } :
    name => sum([
      for place, count in regex("^P(?:(\\d+)D)?(?:T(?:(\\d+)H)?(?:(\\d+)M)?(?:(\\d+)S)?)?$", text) :
      [86400, 3600, 60, 1][place] * tonumber(coalesce(count, "0"))
    ])
  }

  settings = merge(
    {
      for name, value in {
        CLUSTER_NAME              = var.cluster_name
        CLUSTER_ID                = var.cluster_id
        KUBE_CONFIG_SECRET        = var.kube_config_secret
        USE_CLAIM_NAME            = tostring(var.use_claim_name)
        WRITE_STATUS              = tostring(var.write_status)
        REPORT_HTML               = tostring(var.report_html)
        DISK_METRICS              = tostring(var.disk_metrics)
        DELTAS_ANNOTATION_KEY     = var.deltas_annotation_key
        SNAPSHOT_AUTHOR_LABEL     = var.snapshot_author_label
        SNAPSHOT_AUTHOR_LABEL_KEY = var.snapshot_author_label_key
        KEEP_LABEL                = var.keep_label
        SNAPSHOT_DATETIME_FORMAT  = var.snapshot_datetime_format
        SCHEDULE_PERIOD           = var.schedule_period
        DISK_RULE_NAMESPACES      = join(",", var.disk_rule_namespaces)
        DEFAULT_SOURCES           = length(var.default_sources) == 0 ? "none" : join(",", var.default_sources)
        RULES_FROM                = var.rules_from
        MIRROR_URL                = local.mirror_url
        MIRROR_MAX_AGE            = var.mirror_max_age
        PASS_DEADLINE             = var.pass_deadline
        SETTLE_AFTER              = var.settle_after
        ORPHANS                   = var.orphans
        ORPHAN_GRACE              = var.orphan_grace
        LOG_LEVEL                 = var.log_level
        GCLOUD_PROJECT            = var.gcloud_project
        PROJECTS                  = join(",", var.projects)
        STORAGE_LOCATION          = var.storage_location
        SNAPSHOT_TAG              = var.snapshot_tag
        GUEST_FLUSH               = tostring(var.guest_flush)
      } : name => value if value != ""
    },
    # Only that they are set is told; what they are stays out of the plan.
    nonsensitive(var.ping_url == "") ? {} : { PING_URL = var.ping_url },
    nonsensitive(var.heartbeat_url == "") ? {} : { HEARTBEAT_URL = var.heartbeat_url },
  )

  apis = {
    for api in concat(
      [
        "artifactregistry", "cloudbuild", "cloudfunctions",
        "cloudresourcemanager", # grants on a project are read and written by it
        "cloudscheduler", "compute", "iam", "logging", "monitoring", "run", "storage",
      ],
      var.kms_key == "" ? [] : ["cloudkms"],
      length(local.gke) > 0 ? ["container"] : [],
      length(local.secret) > 0 ? ["secretmanager"] : [],
    ) : api => "${api}.googleapis.com"
  }
}

resource "google_project_service" "this" {
  for_each = var.enable_apis ? local.apis : {}

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false # others may use it by then
}

resource "google_artifact_registry_repository" "this" {
  project       = var.project_id
  location      = var.region
  repository_id = var.name
  description   = "Images that Cloud Build makes of k8s-snapshots"
  format        = "DOCKER"
  labels        = local.labels

  # A newest image is the one that runs.
  cleanup_policies {
    id     = "keep-some"
    action = "KEEP"
    most_recent_versions {
      keep_count = 3
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  project     = var.project_id
  location    = var.region
  name        = var.name
  description = "One pass of k8s-snapshots"
  labels      = local.labels

  build_config {
    runtime           = "python313"
    entry_point       = "reconcile"
    docker_repository = google_artifact_registry_repository.this.id
    service_account   = google_service_account.build.name

    source {
      storage_source {
        bucket     = local.source.bucket
        object     = local.source.name
        generation = local.source.generation
      }
    }
  }

  service_config {
    service_account_email = google_service_account.function.email
    environment_variables = local.settings
    # 256Mi would do for small clusters, and would be used up by a large one.
    available_memory = var.memory
    available_cpu    = var.cpu
    timeout_seconds  = var.timeout
    # A pass has its process for itself; one more than the schedules, for a call by hand.
    max_instance_request_concurrency = 1
    max_instance_count               = length(local.schedules) + 1
    ingress_settings                 = var.ingress
    vpc_connector                    = var.vpc_connector == "" ? null : var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == "" ? null : var.egress
    direct_vpc_egress                = var.subnetwork == "" ? null : "VPC_EGRESS_${var.egress}"

    dynamic "direct_vpc_network_interface" {
      for_each = var.subnetwork == "" ? [] : [var.subnetwork]
      content {
        subnetwork = direct_vpc_network_interface.value
        tags       = var.network_tags
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.gke) > 0 || var.kube_config_secret != "" || var.rules_from == "mirror"
      error_message = "No cluster is set. For GKE set cluster_name = \"projects/PROJECT/locations/LOCATION/clusters/CLUSTER\", for others kube_config_secret. If the function cannot reach the cluster, set rules_from = \"mirror\"."
    }
    precondition {
      condition     = var.rules_from == "cluster" || var.cluster_name != "" || var.cluster_id != ""
      error_message = "rules_from = mirror needs a name of the cluster for its snapshots: set cluster_id or cluster_name."
    }
    precondition {
      condition     = var.timeout > local.seconds.deadline
      error_message = "timeout = ${var.timeout} ends a pass before pass_deadline = ${var.pass_deadline} does. Set a timeout of ${min(1800, local.seconds.deadline + 60)}, and a pass_deadline below it."
    }
  }

  depends_on = [google_project_service.this, time_sleep.granted]
}
