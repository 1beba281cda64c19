# Three GKE clusters of one project: a function for each, one bucket, one state.
#   terraform -chdir=examples/terraform/gcp/three-clusters init
#   terraform -chdir=examples/terraform/gcp/three-clusters apply
# Outside this project the source is "git::https://github.com/OWNER/REPO//terraform/gcp?ref=v1.0.0".

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.46, < 9.0"
    }
  }

  backend "gcs" {
    bucket = "acme-terraform"
    prefix = "k8s-snapshots"
  }
}

provider "google" {
  project = local.project
  region  = local.region
}

locals {
  project = "shop-production"
  region  = "europe-west1"

  # By the clusters' names. What is not said here is as the module has it. Names begin service accounts, which have
  # 30 characters, so they are short.
  clusters = {
    shop    = { settle_after = "P30D" }
    staging = {}
    data    = { schedule_period = "PT10M" }
  }
}

variable "artefact_sha256" {
  description = "Checksum of gcp.zip, from SHA256SUMS of the release."
  type        = string
}

module "snapshots" {
  source   = "../../../../terraform/gcp"
  for_each = local.clusters

  name         = "snapshots-${each.key}" # begins all names, and is the folder in the bucket
  project_id   = local.project
  region       = local.region
  cluster_name = "projects/${local.project}/locations/${local.region}/clusters/${each.key}"
  cluster_id   = each.key
  bucket       = google_storage_bucket.snapshots.name

  # From SHA256SUMS of the release. To upgrade change both, and the ref of the source.
  zip_url = {
    url    = "https://github.com/OWNER/REPO/releases/download/v1.0.0/gcp.zip"
    sha256 = var.artefact_sha256
  }

  settle_after          = try(each.value.settle_after, "P14D")
  schedule_period       = try(each.value.schedule_period, "PT5M")
  notification_channels = ["projects/${local.project}/notificationChannels/1234567890"]
}

# The bucket of all three, as the module would make one for each.
resource "google_storage_bucket" "snapshots" {
  # checkov:skip=CKV_GCP_62: Cloud Audit Logs tell who read what, where data access logs are on
  name                        = "${local.project}-k8s-snapshots"
  location                    = local.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 400
      matches_prefix = [for cluster in keys(local.clusters) : "snapshots-${cluster}/rules/reports/"]
      with_state     = "LIVE"
    }
  }
}

output "next_commands" {
  description = "What to run next, by cluster."
  value       = { for cluster, made in module.snapshots : cluster => made.next_commands }
}
