# What is made with as little as can be said: any file stands for the artefact.

variables {
  project_id   = "shop-production"
  region       = "europe-west1"
  cluster_name = "projects/shop-production/locations/europe-west1/clusters/shop"
  zip          = "versions.tf"
}

run "the_function" {
  command = plan

  assert {
    condition = (
      google_cloudfunctions2_function.this.build_config[0].runtime == "python313"
      && google_cloudfunctions2_function.this.build_config[0].entry_point == "reconcile"
    )
    error_message = "the artefact is for Python 3.13, its target is reconcile"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].max_instance_request_concurrency == 1
    error_message = "one pass in a process"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].max_instance_count == 2
    error_message = "one instance for each schedule, and one for a call by hand"
  }
  assert {
    condition     = google_storage_bucket_object.zip[0].name == "gcp-${filesha256("versions.tf")}.zip"
    error_message = "only other contents may have another name"
  }
  assert {
    condition = google_cloudfunctions2_function.this.service_config[0].environment_variables == tomap({
      CLUSTER_NAME              = "projects/shop-production/locations/europe-west1/clusters/shop"
      USE_CLAIM_NAME            = "false"
      WRITE_STATUS              = "false"
      REPORT_HTML               = "false"
      DISK_METRICS              = "false"
      DELTAS_ANNOTATION_KEY     = "backup.kubernetes.io/deltas"
      SNAPSHOT_AUTHOR_LABEL     = "k8s-snapshots"
      SNAPSHOT_AUTHOR_LABEL_KEY = "created-by"
      KEEP_LABEL                = "k8s-snapshots-keep"
      SNAPSHOT_DATETIME_FORMAT  = "%d%m%y-%H%M%S"
      SCHEDULE_PERIOD           = "PT5M"
      DEFAULT_SOURCES           = "namespaces,storageclasses,policies"
      RULES_FROM                = "cluster"
      MIRROR_URL                = "gs://shop-production-k8s-snapshots/k8s-snapshots/rules.json.gz"
      MIRROR_MAX_AGE            = "P1D"
      PASS_DEADLINE             = "PT8M"
      SETTLE_AFTER              = "P14D"
      ORPHANS                   = "keep"
      ORPHAN_GRACE              = "P30D"
      LOG_LEVEL                 = "INFO"
      GUEST_FLUSH               = "false"
    })
    error_message = "the environment is the settings, without those that are empty"
  }
}

run "the_schedule" {
  command = plan

  assert {
    condition     = keys(google_cloud_scheduler_job.this) == ["k8s-snapshots"]
    error_message = "one schedule"
  }
  assert {
    condition     = base64decode(google_cloud_scheduler_job.this["k8s-snapshots"].http_target[0].body) == "{\"mode\":\"reconcile\"}"
    error_message = "a schedule asks for a reconcile of everything"
  }
  assert {
    condition = (
      google_cloud_scheduler_job.this["k8s-snapshots"].schedule == "*/5 * * * *"
      && google_cloud_scheduler_job.this["k8s-snapshots"].time_zone == "Etc/UTC"
    )
    error_message = "PT5M is each five minutes, whatever the season"
  }
  assert {
    condition     = google_cloud_scheduler_job.this["k8s-snapshots"].retry_config[0].retry_count == 0
    error_message = "the next period is the retry"
  }
  assert {
    condition = (
      tonumber(trimsuffix(google_cloud_scheduler_job.this["k8s-snapshots"].attempt_deadline, "s"))
      >= google_cloudfunctions2_function.this.service_config[0].timeout_seconds
    )
    error_message = "the scheduler waits for as long as the function may work"
  }
}

run "its_permissions" {
  command = plan

  assert {
    condition = (
      keys(google_project_iam_custom_role.snapshots) == ["shop-production"]
      && google_project_iam_custom_role.snapshots["shop-production"].permissions == toset([
        "compute.disks.createSnapshot", "compute.disks.list", "compute.globalOperations.get",
        "compute.snapshots.create", "compute.snapshots.delete", "compute.snapshots.get",
        "compute.snapshots.list", "compute.snapshots.setLabels",
      ])
    )
    error_message = "exactly what the function's calls take, in the project with disks"
  }
  assert {
    condition     = !anytrue([for permission in google_project_iam_custom_role.snapshots["shop-production"].permissions : endswith(permission, "useReadOnly")])
    error_message = "it may not make disks of snapshots, and so not read them"
  }
  assert {
    condition     = google_project_iam_custom_role.cluster["shop-production"].permissions == toset(["container.clusters.connect", "container.clusters.get"])
    error_message = "exactly what the way to the cluster takes"
  }
  assert {
    condition     = google_project_iam_custom_role.bucket.permissions == toset(["storage.objects.create", "storage.objects.delete", "storage.objects.get"])
    error_message = "objects whose names it knows, and no list of them"
  }
  assert {
    condition = (
      google_storage_bucket_iam_member.function.condition[0].expression
      == "resource.name.startsWith(\"projects/_/buckets/shop-production-k8s-snapshots/objects/k8s-snapshots/\")"
    )
    error_message = "its own objects only"
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.kubeconfig) == 0
    error_message = "no secret where none is named"
  }
  assert {
    condition = (
      google_cloud_run_v2_service_iam_member.scheduler.role == "roles/run.invoker"
      && length(google_cloud_run_v2_service_iam_member.invokers) == 0
    )
    error_message = "nobody calls it but the scheduler"
  }
}

run "nothing_is_public" {
  command = plan

  assert {
    condition = alltrue([
      for bucket in [google_storage_bucket.this[0], google_storage_bucket.source[0]] :
      bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access
    ])
    error_message = "no bucket can be made public"
  }
  assert {
    condition     = google_storage_bucket.this[0].versioning[0].enabled && !google_storage_bucket.this[0].force_destroy
    error_message = "what is overwritten stays as a version, and terraform destroy deletes no bucket with contents"
  }
  assert {
    condition = anytrue([
      for rule in google_storage_bucket.this[0].lifecycle_rule : anytrue([
        for condition in rule.condition :
        condition.age == 400 && condition.matches_prefix == tolist(["k8s-snapshots/rules/reports/"])
      ])
    ])
    error_message = "only reports expire"
  }
}

run "it_is_watched" {
  command = plan

  assert {
    condition = keys(google_monitoring_alert_policy.this) == [
      "deletions-held", "disks-overdue", "mirror-in-use", "no-completed-pass", "passes-failing", "problems",
      "rules-lost", "snapshots-failed", "two-key-disagreement",
    ]
    error_message = "one alert for each entry of the runbook"
  }
  assert {
    condition = alltrue([
      for anchor, policy in google_monitoring_alert_policy.this :
      endswith(policy.documentation[0].content, "docs/runbook.md#${anchor}")
    ])
    error_message = "each alert links to what to do"
  }
  assert {
    condition = (
      google_monitoring_alert_policy.this["no-completed-pass"].conditions[0].condition_prometheus_query_language[0].query
      == "(sum(increase(logging_googleapis_com:user_k8s_snapshots_PassCompleted_sum{monitored_resource=\"cloud_run_revision\"}[1440s])) or vector(0)) < 0.5"
      && google_monitoring_alert_policy.this["no-completed-pass"].conditions[0].condition_prometheus_query_language[0].duration == "600s"
    )
    error_message = "three periods without a pass are an alert, and a pass as long as timeout or a metric 10 minutes late is none"
  }
  assert {
    condition = alltrue([
      for name, metric in google_logging_metric.this :
      metric.name == "k8s-snapshots/${name}"
      && metric.value_extractor == "EXTRACT(jsonPayload.metrics.${name})"
      && strcontains(metric.filter, "resource.labels.service_name=\"k8s-snapshots\"")
    ])
    error_message = "a metric is read from this function's lines only"
  }
}

run "one_schedule_for_each_project" {
  command = plan

  variables {
    name                 = "snapshots-shop"
    projects             = ["shop-production", "shop-staging"]
    gcloud_project       = "shop-production"
    schedule_per_project = true
    schedule_period      = "PT6H"
  }

  assert {
    condition = {
      for name, job in google_cloud_scheduler_job.this : name => base64decode(job.http_target[0].body)
      } == {
      snapshots-shop-shop-production = "{\"mode\":\"reconcile\",\"only\":{\"scopes\":[\"shop-production\"]}}"
      snapshots-shop-shop-staging    = "{\"mode\":\"reconcile\",\"only\":{\"scopes\":[\"shop-staging\"]}}"
    }
    error_message = "each asks for its own project"
  }
  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.schedule == "0 */6 * * *"])
    error_message = "PT6H is each six hours"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].max_instance_count == 3
    error_message = "they work side by side"
  }
  assert {
    condition     = keys(google_project_iam_member.snapshots) == ["shop-production", "shop-staging"]
    error_message = "the role is granted in each project with disks"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables["PROJECTS"] == "shop-production,shop-staging"
    error_message = "a list is separated by commas"
  }
}

run "the_mirror_only" {
  command = plan

  variables {
    cluster_name      = ""
    cluster_id        = "shop"
    rules_from        = "mirror"
    bucket            = "shop-backups"
    mirror_publishers = ["user:ann@example.com"]
  }

  assert {
    condition     = length(google_storage_bucket.this) == 0 && output.mirror_url == "gs://shop-backups/k8s-snapshots/rules.json.gz"
    error_message = "one's own bucket is used"
  }
  assert {
    condition     = length(google_project_iam_custom_role.cluster) == 0
    error_message = "no way to a cluster is granted"
  }
  assert {
    condition = keys(google_storage_bucket_iam_member.mirror) == ["k8s-snapshots", "user:ann@example.com"] && alltrue([
      for grant in google_storage_bucket_iam_member.mirror :
      grant.condition[0].expression == "resource.name == \"projects/_/buckets/shop-backups/objects/k8s-snapshots/rules.json.gz\""
    ])
    error_message = "who publishes the mirror writes that one object"
  }
}

run "a_secret_and_a_network" {
  command = plan

  variables {
    cluster_name       = "on-premises"
    kube_config_secret = "projects/shop-production/secrets/kubeconfig/versions/3"
    subnetwork         = "projects/shop-production/regions/europe-west1/subnetworks/functions"
    ingress            = "ALLOW_INTERNAL_ONLY"
    invokers           = ["group:ops@example.com"]
    heartbeat_url      = "https://example.com/ping"
  }

  assert {
    condition = (
      google_secret_manager_secret_iam_member.kubeconfig[0].secret_id == "kubeconfig"
      && google_secret_manager_secret_iam_member.kubeconfig[0].role == "roles/secretmanager.secretAccessor"
    )
    error_message = "that one secret may be read"
  }
  assert {
    condition     = length(google_project_iam_custom_role.cluster) == 0
    error_message = "a kubeconfig needs no way to GKE"
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.service_config[0].direct_vpc_egress == "VPC_EGRESS_PRIVATE_RANGES_ONLY"
      && google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    )
    error_message = "from and to the network"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables["HEARTBEAT_URL"] == "https://example.com/ping"
    error_message = "the heartbeat is set"
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invokers) == ["group:ops@example.com"]
    error_message = "who may call it by hand"
  }
}

run "deletion_of_tagged_snapshots_only" {
  command = plan

  variables {
    projects     = ["shop-data"]
    snapshot_tag = "tagKeys/123456789012=tagValues/567890123456"
  }

  assert {
    condition = alltrue([
      for role in google_project_iam_custom_role.snapshots :
      !contains(role.permissions, "compute.snapshots.delete")
      && contains(role.permissions, "compute.snapshots.createTagBinding")
    ])
    error_message = "nothing without the tag can be deleted"
  }
  assert {
    condition = (
      keys(google_project_iam_member.delete) == ["shop-data", "shop-production"]
      && alltrue([
        for member in google_project_iam_member.delete :
        member.condition[0].expression == "resource.matchTagId(\"tagKeys/123456789012\", \"tagValues/567890123456\")"
      ])
    )
    error_message = "deletion is granted where disks are, for what has the tag"
  }
  assert {
    condition = (
      google_tags_tag_value_iam_member.function["tagValues/567890123456"].role == "roles/resourcemanager.tagUser"
      && google_cloudfunctions2_function.this.service_config[0].environment_variables["SNAPSHOT_TAG"] == "tagKeys/123456789012=tagValues/567890123456"
    )
    error_message = "the function sets the tag, and may"
  }
}

run "a_bucket_and_a_regional_secret_elsewhere" {
  command = plan

  variables {
    bucket             = "shop-backups"
    bucket_project     = "shop-archive"
    kms_key            = "projects/shop-production/locations/europe-west1/keyRings/r/cryptoKeys/k"
    kube_config_secret = "projects/shop-production/locations/europe-west1/secrets/kubeconfig"
  }

  override_data {
    target = data.google_project.bucket[0]
    values = { number = "123456789012" }
  }
  override_data {
    target = data.google_storage_bucket.own[0]
    values = { project_number = 123456789012 }
  }

  assert {
    condition = (
      google_project_iam_custom_role.bucket.project == "shop-archive"
      && google_project_iam_custom_role.list.project == "shop-archive"
    )
    error_message = "a custom role can be granted in its own project only"
  }
  assert {
    condition = (
      google_secret_manager_regional_secret_iam_member.kubeconfig[0].location == "europe-west1"
      && google_secret_manager_regional_secret_iam_member.kubeconfig[0].secret_id == "kubeconfig"
      && length(google_secret_manager_secret_iam_member.kubeconfig) == 0
    )
    error_message = "a regional secret has grants of its own"
  }
  assert {
    condition     = alltrue([for api in ["cloudresourcemanager", "cloudkms", "secretmanager"] : contains(keys(google_project_service.this), api)])
    error_message = "each API that is used is enabled"
  }
}
