resource "google_service_account" "function" {
  project      = var.project_id
  account_id   = var.name
  display_name = "${var.name}: the function"
  depends_on   = [google_project_service.this]
}

resource "google_service_account" "scheduler" {
  project      = var.project_id
  account_id   = "${var.name}-timer"
  display_name = "${var.name}: may call the function, and nothing else"
  depends_on   = [google_project_service.this]
}

resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "${var.name}: builds the function"
  depends_on   = [google_project_service.this]
}

# Disks and snapshots. Google cannot make deletion depend on a snapshot's labels: conditions know names, types and tags
# of resources. With snapshot_tag deletion is granted for snapshots with that tag alone; the function may bind it,
# since a creation with the tag takes that permission. Without it, what protects
# others' snapshots is the function itself, which lists by its own label, deletes nothing that lacks it and holds what
# looks like a mistake; that it has this role in the projects with disks only; and, who wants more, backups in a
# project of their own. It cannot make a disk of a snapshot, nor read one.
resource "google_project_iam_custom_role" "snapshots" {
  for_each = local.disk_projects

  project     = each.value
  role_id     = "${replace(var.name, "-", "_")}_snapshots"
  title       = "${var.name}: snapshots"
  description = "Takes, labels, lists and deletes snapshots"
  permissions = concat(
    [
      "compute.disks.createSnapshot",
      "compute.disks.list",           # where a volume does not tell its zone
      "compute.globalOperations.get", # why an accepted creation failed later
      "compute.snapshots.create",
      "compute.snapshots.get", # whether one whose name is taken is ours; whether one is going already
      "compute.snapshots.list",
      "compute.snapshots.setLabels",
    ],
    length(local.tag) == 0 ? ["compute.snapshots.delete"] : ["compute.snapshots.createTagBinding"],
  )
  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "snapshots" {
  for_each = local.disk_projects

  project = each.value
  role    = google_project_iam_custom_role.snapshots[each.value].id
  member  = google_service_account.function.member
}

locals {
  # The tag's key and value, if there is one.
  tag        = var.snapshot_tag == "" ? [] : split("=", var.snapshot_tag)
  tagged     = length(local.tag) == 0 ? toset([]) : local.disk_projects
  tag_values = toset(slice(local.tag, min(1, length(local.tag)), length(local.tag)))
}

resource "google_project_iam_custom_role" "delete" {
  for_each = local.tagged

  project     = each.value
  role_id     = "${replace(var.name, "-", "_")}_delete"
  title       = "${var.name}: deletion"
  description = "Deletes snapshots; granted for those with a tag"
  permissions = ["compute.snapshots.delete"]
  depends_on  = [google_project_service.this]
}

resource "google_project_iam_member" "delete" {
  for_each = local.tagged

  project = each.value
  role    = google_project_iam_custom_role.delete[each.value].id
  member  = google_service_account.function.member

  condition {
    title      = "snapshots with the tag only"
    expression = "resource.matchTagId(\"${local.tag[0]}\", \"${local.tag[1]}\")"
  }
}

# Binding the tag takes a right on its value, too.
resource "google_tags_tag_value_iam_member" "function" {
  for_each = local.tag_values

  tag_value = each.value
  role      = "roles/resourcemanager.tagUser"
  member    = google_service_account.function.member
}

# The cluster's address. What may be read there says Kubernetes: manifests/rbac.yaml.
resource "google_project_iam_custom_role" "cluster" {
  for_each = toset(slice(local.gke, 0, min(1, length(local.gke))))

  project     = each.value
  role_id     = "${replace(var.name, "-", "_")}_cluster"
  title       = "${var.name}: cluster"
  description = "Finds the cluster, and reaches it by its DNS endpoint"
  permissions = ["container.clusters.connect", "container.clusters.get"]
  depends_on  = [google_project_service.this]
}

resource "google_project_iam_member" "cluster" {
  for_each = google_project_iam_custom_role.cluster

  project = each.key
  role    = each.value.id
  member  = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "kubeconfig" {
  count = length(local.secret) > 0 && try(local.secret[1], null) == null ? 1 : 0

  project   = local.secret[0]
  secret_id = local.secret[2]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_secret_manager_regional_secret_iam_member" "kubeconfig" {
  count = try(local.secret[1], null) == null ? 0 : 1

  project   = local.secret[0]
  location  = local.secret[1]
  secret_id = local.secret[2]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_project_iam_custom_role" "bucket" {
  project     = local.bucket_project
  role_id     = "${replace(var.name, "-", "_")}_bucket"
  title       = "${var.name}: bucket"
  description = "Reads and replaces objects whose names it knows"
  # Replacing an object takes the permission to delete it; it stays as an old version.
  permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]
  depends_on  = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "function" {
  bucket = local.bucket
  role   = google_project_iam_custom_role.bucket.id
  member = google_service_account.function.member

  condition {
    title      = "${var.name} only"
    expression = "resource.name.startsWith(\"projects/_/buckets/${local.bucket}/objects/${var.name}/\")"
  }
}

# Without it Cloud Storage does not tell what is not there from what may not be read. It is asked of the bucket
# itself, whose name the condition above does not match.
resource "google_project_iam_custom_role" "list" {
  project     = local.bucket_project
  role_id     = "${replace(var.name, "-", "_")}_list"
  title       = "${var.name}: what is missing"
  description = "Sees what the bucket does not hold"
  permissions = ["storage.objects.list"]
  depends_on  = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "list" {
  bucket = local.bucket
  role   = google_project_iam_custom_role.list.id
  member = google_service_account.function.member
}

# Who publishes the mirror, where nothing else is read: the CronJob of manifests/mirror-google.yaml.
resource "google_service_account" "mirror" {
  count = var.rules_from == "mirror" ? 1 : 0

  project      = var.project_id
  account_id   = "${var.name}-mirror"
  display_name = "${var.name}: publishes the rules"
  depends_on   = [google_project_service.this]
}

resource "google_project_iam_custom_role" "mirror" {
  count = var.rules_from == "mirror" ? 1 : 0

  project     = local.bucket_project
  role_id     = "${replace(var.name, "-", "_")}_mirror"
  title       = "${var.name}: mirror"
  description = "Replaces the mirror of the rules"
  permissions = ["storage.objects.create", "storage.objects.delete"]
  depends_on  = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "mirror" {
  for_each = var.rules_from == "mirror" ? merge(
    { (var.name) = google_service_account.mirror[0].member },
    { for who in var.mirror_publishers : who => who },
  ) : {}

  bucket = local.bucket
  role   = google_project_iam_custom_role.mirror[0].id
  member = each.value

  condition {
    title      = "the mirror only"
    expression = "resource.name == \"projects/_/buckets/${local.bucket}/objects/${local.mirror}\""
  }
}

# The callers: a function of the 2nd generation is a service of Cloud Run, which asks for this role.
resource "google_cloud_run_v2_service_iam_member" "scheduler" {
  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}

# The build: reads the zip, writes its log and one repository.
resource "google_project_iam_member" "build_log" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Cloud Functions copies the zip to a bucket of its own, which it makes when it is first used.
resource "google_project_iam_member" "build_copy" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "sources of functions only"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-\")"
  }
}

# A grant takes up to a minute or two to be known everywhere; a build that begins before fails.
resource "time_sleep" "granted" {
  create_duration = "90s"

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_copy,
    google_project_iam_member.build_log,
    google_storage_bucket_iam_member.build,
  ]
}
