# Where the function's code comes from: a file, an object in a bucket, or a URL with its checksum.

locals {
  # Terraform downloads when it applies, not when it plans: a saved plan may be applied on another machine. What a
  # provider would download (`http`) would be text, and would lie in the state.
  download = var.zip_url == null ? null : "${path.root}/.terraform/k8s-snapshots/gcp-${var.zip_url.sha256}.zip"
  by_file  = var.zip_object == null && var.zip_url == null
  by_url   = var.zip_object == null && var.zip_url != null
  zip      = coalesce(var.zip, "${path.module}/../../build/gcp.zip")

  # What Cloud Functions builds from.
  source = var.zip_object != null ? var.zip_object : {
    bucket     = google_storage_bucket.source[0].name
    name       = one(concat(google_storage_bucket_object.zip[*].name, google_storage_bucket_object.download[*].name))
    generation = null
  }
}

# Holds the zip of the function, which its name tells and `make build` makes again.
resource "google_storage_bucket" "source" {
  count = var.zip_object == null ? 1 : 0

  project                     = var.project_id
  name                        = "${local.prefix}-source"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_object" "zip" {
  count = local.by_file ? 1 : 0

  # The artefact is reproducible: no change of the code, no change of the name, no change of the plan.
  name         = "gcp-${filesha256(local.zip)}.zip"
  bucket       = google_storage_bucket.source[0].name
  source       = local.zip
  content_type = "application/zip"
}

# Again for each other artefact, and whenever its bucket is made anew: only then is the file needed.
resource "terraform_data" "download" {
  count = local.by_url ? 1 : 0

  triggers_replace = [var.zip_url.sha256, google_storage_bucket.source[0].id]

  provisioner "local-exec" {
    command = "sh \"$SCRIPT\" \"$URL\" \"$SHA256\" \"$FILE\""
    environment = {
      SCRIPT = "${path.module}/download.sh"
      URL    = var.zip_url.url
      SHA256 = var.zip_url.sha256
      FILE   = local.download
    }
  }
}

resource "google_storage_bucket_object" "download" {
  count = local.by_url ? 1 : 0

  name         = "gcp-${var.zip_url.sha256}.zip"
  bucket       = google_storage_bucket.source[0].name
  source       = local.download
  content_type = "application/zip"

  lifecycle {
    # Its name is its checksum. The provider would compare it with the file, which another machine does not have.
    ignore_changes = [detect_md5hash, source]
  }

  depends_on = [terraform_data.download]
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = local.source.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

moved {
  from = google_storage_bucket.source
  to   = google_storage_bucket.source[0]
}

moved {
  from = google_storage_bucket_object.zip
  to   = google_storage_bucket_object.zip[0]
}
