# The bucket of the mirror, the leases and the reports; shared/bucket/storage.py has the layout.

locals {
  make_bucket = var.bucket == null
  bucket      = coalesce(var.bucket, "${var.name}-${local.account}-${local.region}")
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket}"
  folder      = "${var.name}/rules"
  mirror_key  = "${local.folder}.json.gz"
  mirror_url  = "s3://${local.bucket}/${local.mirror_key}"
  # With a schedule for each region there is a page for each.
  page_url = "s3://${local.bucket}/${local.folder}/html/report.html"
  page     = var.report_html ? "All claims are in ${var.schedule_per_region ? dirname(local.page_url) : local.page_url}. " : ""
}

resource "aws_s3_bucket" "store" {
  count = local.make_bucket ? 1 : 0

  bucket        = local.bucket
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "store" {
  count = local.make_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.store[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "store" {
  count = local.make_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "store" {
  count = local.make_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  count = local.make_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "store" {
  count = local.make_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Each pass writes its scopes' leases twice, and an old one is good for nothing.
  rule {
    id     = "old-leases"
    status = "Enabled"

    filter {
      prefix = "${local.folder}/state/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  # A page is written every hour, and the newest tells all.
  rule {
    id     = "old-pages"
    status = "Enabled"

    filter {
      prefix = "${local.folder}/html/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "reports"
    status = "Enabled"

    filter {
      prefix = "${local.folder}/reports/"
    }

    expiration {
      days = var.report_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.store]
}

data "aws_iam_policy_document" "store" {
  statement {
    sid       = "TLSOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "store" {
  count = local.make_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id
  policy = data.aws_iam_policy_document.store.json

  depends_on = [aws_s3_bucket_public_access_block.store]
}
