# What the function may do: one statement for each purpose. ARNs are written out, so that a plan shows the
# whole policy before anything is made.

locals {
  volumes     = [for region in local.regions : "arn:${local.partition}:ec2:${region}:${local.account}:volume/*"]
  snapshots   = [for region in local.regions : "arn:${local.partition}:ec2:${region}::snapshot/*"]
  log_group   = "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}"
  queue_arn   = "arn:${local.partition}:sqs:${local.here}:${var.name}-dead-letters"
  cluster_arn = "arn:${local.partition}:eks:${local.here}:cluster/${var.cluster_name}"
  mirror_arn  = "${local.bucket_arn}/${local.mirror_key}"
  # Doubts about the cluster's answers are noted in read.json, so only where it is asked.
  remembered = concat(
    ["${local.bucket_arn}/${local.folder}/state/*", "${local.bucket_arn}/${local.folder}/known.json"], local.live ? ["${local.bucket_arn}/${local.folder}/read.json"] : []
  )
  see_network = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
  join_network = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
  ]
  reports_arn = "${local.bucket_arn}/${local.folder}/reports/*"

  # Secrets Manager adds six characters to a name; an ARN may come with or without them.
  secret_arn = startswith(var.kube_config_secret, "arn:") ? var.kube_config_secret : "arn:${local.partition}:secretsmanager:${local.here}:secret:${var.kube_config_secret}"
}

data "aws_iam_policy_document" "pass" {
  statement {
    sid       = "ListSnapshots"
    actions   = ["ec2:DescribeSnapshots"]
    resources = ["*"] # EC2 knows no narrower

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = local.regions
    }
  }

  # Where volumes are whose region neither labels nor node affinity tell.
  statement {
    sid       = "FindVolumes"
    actions   = ["ec2:DescribeVolumes"]
    resources = ["*"] # EC2 knows no narrower

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = local.regions
    }
  }

  statement {
    sid       = "SnapshotVolumes"
    actions   = ["ec2:CreateSnapshot"]
    resources = local.volumes
  }

  statement {
    sid       = "SnapshotWithOurLabel"
    actions   = ["ec2:CreateSnapshot"]
    resources = local.snapshots

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/${var.snapshot_author_label_key}"
      values   = [var.snapshot_author_label]
    }
  }

  statement {
    sid       = "LabelWhileCreating"
    actions   = ["ec2:CreateTags"]
    resources = local.snapshots

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateSnapshot"]
    }
  }

  statement {
    sid       = "DeleteWithOurLabel"
    actions   = ["ec2:DeleteSnapshot"]
    resources = local.snapshots

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${var.snapshot_author_label_key}"
      values   = [var.snapshot_author_label]
    }

    # The daemon's snapshots name no cluster; those of another cluster stay.
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/k8s-snapshots-cluster"
      values   = [local.cluster]
    }
  }

  statement {
    sid       = "DeleteNothingKept"
    effect    = "Deny"
    actions   = ["ec2:DeleteSnapshot"]
    resources = local.snapshots

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${var.keep_label}"
      values   = ["true"]
    }
  }

  dynamic "statement" {
    for_each = local.by_eks ? [1] : []

    content {
      sid       = "FindCluster"
      actions   = ["eks:DescribeCluster"]
      resources = [local.cluster_arn]
    }
  }

  dynamic "statement" {
    for_each = local.by_secret ? [1] : []

    content {
      sid       = "ReadKubeconfig"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [local.secret_arn, "${local.secret_arn}-??????"]
    }
  }

  dynamic "statement" {
    for_each = local.by_secret && var.kube_config_secret_kms_key_arn != null ? [1] : []

    content {
      sid       = "DecryptKubeconfig"
      actions   = ["kms:Decrypt"]
      resources = [var.kube_config_secret_kms_key_arn]
    }
  }

  # Without it S3 does not tell what is not there from what may not be read.
  statement {
    sid       = "SeeWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]
  }

  statement {
    sid       = "Mirror"
    actions   = local.live ? ["s3:GetObject", "s3:PutObject"] : ["s3:GetObject"]
    resources = [local.mirror_arn]
  }

  statement {
    sid       = "Remember"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = local.remembered
  }

  statement {
    sid       = "Report"
    actions   = ["s3:PutObject"]
    resources = [local.reports_arn]
  }

  # It is read to see how old it is, and to tell what changed since.
  dynamic "statement" {
    for_each = var.report_html ? [1] : []

    content {
      sid       = "Page"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.bucket_arn}/${local.folder}/html/*"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }

  # As the Lambda Developer Guide has them; the service calls these, by the function's role.
  dynamic "statement" {
    for_each = local.in_vpc ? [1] : []

    content {
      sid       = "SeeNetwork"
      actions   = local.see_network
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.in_vpc ? [1] : []

    content {
      sid       = "JoinNetwork"
      actions   = local.join_network
      resources = ["arn:${local.partition}:ec2:${local.here}:*/*"]
    }
  }

  # The service needs them, the code does not: only calls of the code have this key (Lambda Developer Guide,
  # "Using source function ARN to control function access behavior").
  dynamic "statement" {
    for_each = local.in_vpc ? [1] : []

    content {
      sid       = "NoNetworkForTheCode"
      effect    = "Deny"
      actions   = concat(local.see_network, local.join_network)
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.function_arn]
      }
    }
  }
}

data "aws_iam_policy_document" "trust_lambda" {
  statement {
    sid     = "Lambda"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "pass" {
  name                 = var.name
  description          = "The function ${var.name}: snapshots of the volumes of ${local.cluster}"
  assume_role_policy   = data.aws_iam_policy_document.trust_lambda.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "pass" {
  name   = "pass"
  role   = aws_iam_role.pass.name
  policy = data.aws_iam_policy_document.pass.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.function_arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }
}

# Only the schedules of our group: another's, in whatever account, cannot borrow the role.
data "aws_iam_policy_document" "trust_scheduler" {
  statement {
    sid     = "Scheduler"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:scheduler:${local.here}:schedule-group/${var.name}"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "The schedules of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust_scheduler.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "invoke"
  role   = aws_iam_role.scheduler.name
  policy = data.aws_iam_policy_document.scheduler.json
}

# What publishes the mirror where rules_from is mirror: the CronJob of manifests/mirror-aws.yaml.

data "aws_iam_policy_document" "publisher" {
  statement {
    sid       = "PublishMirror"
    actions   = ["s3:PutObject"]
    resources = [local.mirror_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

data "aws_iam_policy_document" "trust_pod" {
  statement {
    sid     = "PodIdentity"
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.cluster_arn]
    }
  }
}

resource "aws_iam_role" "publisher" {
  count = var.mirror_pod_identity ? 1 : 0

  name                 = "${var.name}-mirror"
  description          = "Publishes the rules of ${local.cluster} for ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust_pod.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "publisher" {
  count = var.mirror_pod_identity ? 1 : 0

  name   = "publish"
  role   = aws_iam_role.publisher[0].name
  policy = data.aws_iam_policy_document.publisher.json
}

resource "aws_eks_pod_identity_association" "publisher" {
  count = var.mirror_pod_identity ? 1 : 0

  cluster_name    = var.cluster_name
  namespace       = "k8s-snapshots"
  service_account = "mirror"
  role_arn        = aws_iam_role.publisher[0].arn
}
