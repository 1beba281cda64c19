locals {
  bucket = var.bucket == "" ? google_storage_bucket.this[0].name : var.bucket
  # Whose custom roles can be granted on the bucket.
  bucket_project = coalesce(var.bucket_project, var.project_id)
  mirror         = "${var.name}/rules.json.gz"
  mirror_url     = "gs://${local.bucket}/${local.mirror}"
  page_url       = "gs://${local.bucket}/${var.name}/rules/html/report.html"
  page           = var.report_html ? "All claims are in ${local.page_url}. " : ""
  # Names of buckets are everybody's; a project's name makes them ours.
  prefix = "${replace(var.project_id, "/[.:]/", "-")}-${var.name}"
}

# Whose bucket it is: known only by the project's number, which Cloud Storage tells.
data "google_project" "bucket" {
  count      = var.bucket_project == "" ? 0 : 1
  project_id = var.bucket_project
}

data "google_storage_bucket" "own" {
  count = var.bucket_project == "" ? 0 : 1
  name  = var.bucket

  lifecycle {
    postcondition {
      condition     = tostring(self.project_number) == data.google_project.bucket[0].number
      error_message = "The bucket ${var.bucket} is not in bucket_project = ${var.bucket_project}, whose number is ${data.google_project.bucket[0].number}, but in the project with the number ${self.project_number}. `gcloud projects describe ${self.project_number} --format 'value(projectId)'` shows the project's ID: set bucket_project to it."
    }
  }
}

# Mirror, state and reports: NAME/rules.json.gz, NAME/rules/state/, NAME/rules/known.json, NAME/rules/read.json, NAME/rules/reports/, NAME/rules/html/.
resource "google_storage_bucket" "this" {
  count = var.bucket == "" ? 1 : 0

  project                     = var.project_id
  name                        = local.prefix
  location                    = coalesce(var.bucket_location, var.region)
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false # whoever wants it gone empties it

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

  # A page is written every hour, and the newest tells all.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 1
      matches_prefix             = ["${var.name}/rules/html/"]
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = var.report_days
      matches_prefix = ["${var.name}/rules/reports/"]
      with_state     = "LIVE"
    }
  }

  dynamic "encryption" {
    for_each = google_kms_crypto_key_iam_member.bucket
    content {
      default_kms_key_name = encryption.value.crypto_key_id
    }
  }

  depends_on = [google_project_service.this]
}

data "google_storage_project_service_account" "this" {
  count   = var.kms_key == "" ? 0 : 1
  project = var.project_id
}

resource "google_kms_crypto_key_iam_member" "bucket" {
  count = var.kms_key == "" ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this[0].member
}
