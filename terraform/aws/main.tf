# The function. What it may do is in iam.tf, what fires it in schedules.tf.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  # What stands between service and resource in an ARN.
  here = "${local.region}:${local.account}"

  cluster = var.cluster_id != "" ? var.cluster_id : var.cluster_name
  regions = coalesce(var.regions, [local.region])
  in_vpc  = length(var.subnet_ids) > 0
  live    = var.rules_from == "cluster"
  # The way that the function takes into the cluster; see docs/aws.md.
  by_secret = local.live && var.kube_config_secret != ""
  by_eks    = local.live && var.kube_config_secret == ""

  # Durations as the settings have them, in seconds.
  duration = "^P(\\d+D|(\\d+D)?T(\\d+H(\\d+M)?(\\d+S)?|\\d+M(\\d+S)?|\\d+S))$"
  units    = { D = 86400, H = 3600, M = 60, S = 1 }
  seconds = {
    for name, text in { period = var.schedule_period, mirror_max_age = var.mirror_max_age } :
    name => sum([for part in regexall("(\\d+)([DHMS])", "0D${text}") : part[0] * local.units[part[1]]])
  }
  period         = local.seconds.period
  mirror_max_age = local.seconds.mirror_max_age

  settings = merge(
    {
      for name, value in {
        cluster_name              = var.cluster_name
        cluster_id                = var.cluster_id
        kube_config_secret        = var.kube_config_secret
        use_claim_name            = tostring(var.use_claim_name)
        write_status              = tostring(var.write_status)
        report_html               = tostring(var.report_html)
        disk_metrics              = tostring(var.disk_metrics)
        deltas_annotation_key     = var.deltas_annotation_key
        snapshot_author_label     = var.snapshot_author_label
        snapshot_author_label_key = var.snapshot_author_label_key
        keep_label                = var.keep_label
        snapshot_datetime_format  = var.snapshot_datetime_format
        schedule_period           = var.schedule_period
        disk_rule_namespaces      = join(",", var.disk_rule_namespaces)
        default_sources           = length(var.default_sources) == 0 ? "none" : join(",", var.default_sources)
        rules_from                = var.rules_from
        mirror_url                = local.mirror_url
        mirror_max_age            = var.mirror_max_age
        settle_after              = var.settle_after
        orphans                   = var.orphans
        orphan_grace              = var.orphan_grace
        log_level                 = var.log_level
        regions                   = join(",", local.regions)
        extra_tags                = join(",", [for key, value in var.extra_tags : "${key}=${value}"])
      } : upper(name) => value if value != ""
    },
    # Whether they are set is no secret; so the others stay visible in a plan.
    nonsensitive(var.ping_url == "") ? {} : { PING_URL = var.ping_url },
    nonsensitive(var.heartbeat_url == "") ? {} : { HEARTBEAT_URL = var.heartbeat_url },
  )

  function_arn = "arn:${local.partition}:lambda:${local.here}:function:${var.name}"
}

resource "aws_lambda_function" "pass" {
  function_name = var.name
  description   = "Snapshots of the volumes of ${local.cluster}"
  role          = aws_iam_role.pass.arn

  filename          = local.zip
  s3_bucket         = try(var.zip_object.bucket, null)
  s3_key            = try(var.zip_object.key, null)
  s3_object_version = try(var.zip_object.version, null)
  source_code_hash  = local.zip_hash
  handler           = "functions.aws.handler.handler"
  runtime           = "python3.13"
  architectures     = [var.architecture]
  memory_size       = var.memory
  timeout           = var.timeout
  # One more than there are schedules, so that a call by hand, which may wait, keeps none of them out.
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, length(local.schedules) + 1)
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = local.settings
  }

  logging_config {
    # The function writes JSON itself; Lambda would wrap it once more, and metrics would be lost.
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.pass.name
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = var.zip_object != null || var.zip_url != null || fileexists(coalesce(local.zip, "none"))
      error_message = "There is no file ${coalesce(local.zip, "none")}. Run make build in the project, or set zip, zip_object or zip_url."
    }
  }

  # In a VPC it is not made without the permissions; elsewhere its first pass would fail.
  depends_on = [aws_iam_role_policy.pass, terraform_data.download]
}

# A pass that failed is not repeated: the next one does what it left.
resource "aws_lambda_function_event_invoke_config" "pass" {
  function_name                = aws_lambda_function.pass.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = min(local.period, 21600)

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name = "${var.name}-dead-letters"
  # Why a pass failed is in the log, which is kept for longer.
  message_retention_seconds = 86400
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_log_group" "pass" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_eks_access_entry" "pass" {
  count = local.by_eks && var.access_entry ? 1 : 0

  cluster_name      = var.cluster_name
  principal_arn     = aws_iam_role.pass.arn
  type              = "STANDARD"
  kubernetes_groups = ["k8s-snapshots"] # bound in manifests/rbac.yaml
}

resource "aws_rbin_rule" "snapshots" {
  for_each = var.recycle_bin_days == null ? [] : toset(local.regions)

  region        = each.key
  description   = "${var.name}: deleted snapshots with our label"
  resource_type = "EBS_SNAPSHOT"

  resource_tags {
    resource_tag_key   = var.snapshot_author_label_key
    resource_tag_value = var.snapshot_author_label
  }

  retention_period {
    retention_period_unit  = "DAYS"
    retention_period_value = var.recycle_bin_days
  }
}
