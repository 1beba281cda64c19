# Everything turned on: two projects with disks, a private cluster, a key of one's own, alerts by e-mail.

terraform {
  required_version = ">= 1.9"
}

variable "heartbeat_url" {
  description = "Address of a dead man's switch, such as TF_VAR_heartbeat_url gives."
  type        = string
  default     = "https://example.com/ping/snapshots"
  sensitive   = true
}

provider "google" {
  project = "shop-backups"
  region  = "europe-west1"
}

module "k8s_snapshots" {
  source = "../../../../terraform/gcp"

  name       = "snapshots-shop"
  project_id = "shop-backups"
  region     = "europe-west1"
  labels     = { team = "platform" }

  # The cluster and its disks are in another project, and a second one has disks too.
  cluster_name         = "projects/shop-production/locations/europe-west1/clusters/shop"
  cluster_id           = "shop"
  gcloud_project       = "shop-production"
  projects             = ["shop-production", "shop-staging"]
  schedule_per_project = true
  schedule_period      = "PT10M"
  timeout              = 1200
  pass_deadline        = "PT18M"
  memory               = "1Gi"
  cpu                  = "1"

  # Its endpoint is private: through a subnetwork, and callers from inside only.
  subnetwork   = "projects/shop-backups/regions/europe-west1/subnetworks/functions"
  network_tags = ["k8s-snapshots"]
  egress       = "PRIVATE_RANGES_ONLY"
  ingress      = "ALLOW_INTERNAL_ONLY"
  invokers     = ["group:platform@example.com"]

  # What becomes of snapshots.
  orphans                   = "expire"
  orphan_grace              = "P60D"
  settle_after              = "P30D"
  storage_location          = "eu"
  guest_flush               = false
  use_claim_name            = true
  disk_rule_namespaces      = ["platform"]
  deltas_annotation_key     = "backup.kubernetes.io/deltas"
  snapshot_author_label     = "k8s-snapshots"
  snapshot_author_label_key = "created-by"
  keep_label                = "k8s-snapshots-keep"
  snapshot_datetime_format  = "%d%m%y-%H%M%S"
  mirror_max_age            = "P1D"
  log_level                 = "INFO"
  heartbeat_url             = var.heartbeat_url

  # The bucket.
  bucket_location = "EU"
  kms_key         = "projects/shop-keys/locations/europe/keyRings/backups/cryptoKeys/snapshots"
  report_days     = 730

  # Who hears of it.
  alarm_emails          = ["platform@example.com"]
  notification_channels = ["projects/shop-backups/notificationChannels/1234567890"]
  alarm_after_periods   = 3
}

output "next_commands" {
  value = module.k8s_snapshots.next_commands
}
