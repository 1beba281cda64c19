# Plans only, so that they need neither an account nor the network.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "unused"
  secret_key                  = "unused"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

variables {
  cluster_name = "production"
  zip          = "main.tf" # any file will do
}

run "snapshots" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement :
      s.Resource != "*" || contains(["ec2:DescribeSnapshots", "ec2:DescribeVolumes"], s.Action)
    ])
    error_message = "only listing is allowed on *"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Condition
      if s.Sid == "ListSnapshots" || s.Sid == "FindVolumes"
    ] == [for _ in range(2) : { StringEquals = { "aws:RequestedRegion" = "eu-west-1" } }]
    error_message = "both lists are of our regions only"
  }

  assert {
    condition = alltrue([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement :
      length(regexall("\\*", join(" ", flatten([s.Action])))) == 0
    ])
    error_message = "actions are named one by one"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Condition.StringEquals
      if s.Sid == "SnapshotWithOurLabel" || s.Sid == "LabelWhileCreating" || s.Sid == "DeleteWithOurLabel"
      ] == [
      { "aws:RequestTag/created-by" = "k8s-snapshots" },
      { "ec2:CreateAction" = "CreateSnapshot" },
      { "aws:ResourceTag/created-by" = "k8s-snapshots" },
    ]
    error_message = "snapshots are created with our label only, labelled while they are created only, and deleted with it only"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Condition.StringEqualsIfExists
      if s.Sid == "DeleteWithOurLabel"
    ] == [{ "aws:ResourceTag/k8s-snapshots-cluster" = "production" }]
    error_message = "another cluster's stay"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Sid
      if contains(flatten([s.Action]), "ec2:DeleteSnapshot") && s.Effect == "Allow"
    ] == ["DeleteWithOurLabel"]
    error_message = "nothing else allows to delete"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Condition.StringEquals
      if s.Effect == "Deny"
    ] == [{ "aws:ResourceTag/k8s-snapshots-keep" = "true" }]
    error_message = "what has the keep label is not deleted"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Resource if s.Sid == "SnapshotVolumes"
    ] == ["arn:aws:ec2:eu-west-1:123456789012:volume/*"]
    error_message = "volumes of this account and region"
  }
}

run "labels_of_ones_own" {
  command = plan

  variables {
    snapshot_author_label     = "backup"
    snapshot_author_label_key = "made-by"
    keep_label                = "hold"
    regions                   = ["eu-west-1", "us-east-2"]
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : keys(s.Condition.StringEquals)[0]
      if can(s.Condition)
      ] == [
      "aws:RequestedRegion", "aws:RequestedRegion", "aws:RequestTag/made-by", "ec2:CreateAction", "aws:ResourceTag/made-by", "aws:ResourceTag/hold"
    ]
    error_message = "the policy follows the labels"
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Resource if s.Sid == "DeleteWithOurLabel"
    ])) == toset(["arn:aws:ec2:eu-west-1::snapshot/*", "arn:aws:ec2:us-east-2::snapshot/*"])
    error_message = "the policy follows the regions"
  }
}

run "bucket_and_cluster" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Sid => join(" ", sort(flatten([s.Resource])))
      if startswith(flatten([s.Action])[0], "s3:") || s.Sid == "FindCluster"
      } == {
      SeeWhatIsMissing = "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1"
      Mirror           = "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules.json.gz"
      Remember = join(" ", [
        "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/known.json",
        "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/read.json",
        "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/state/*",
      ])
      Report      = "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/reports/*"
      FindCluster = "arn:aws:eks:eu-west-1:123456789012:cluster/production"
    }
    error_message = "its own folder of the bucket, and its own cluster"
  }

  assert {
    condition     = aws_eks_access_entry.pass[0].kubernetes_groups == toset(["k8s-snapshots"])
    error_message = "the group that manifests/rbac.yaml binds"
  }
}

run "page" {
  command = plan

  variables {
    report_html = true
  }

  assert {
    condition = one([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : flatten([s.Resource]) if s.Sid == "Page"
    ]) == ["arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/html/*"]
    error_message = "the page, and nothing else"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.pass["problems"].alarm_description, "All claims are in s3://k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/html/report.html. See docs/")
    error_message = "an alarm says where the page is"
  }
}

run "mirror_only" {
  command = plan

  variables {
    rules_from = "mirror"
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Resource if s.Sid == "Remember"
      ])) == toset([
      "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/state/*",
      "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules/known.json",
    ])
    error_message = "leases and the rules last known, and no doubts"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Action if s.Sid == "Mirror"
    ] == ["s3:GetObject"]
    error_message = "who only reads the mirror may not write it"
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Action
      ])) == toset(["ec2:DescribeSnapshots", "ec2:DescribeVolumes", "ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DeleteSnapshot",
    "s3:ListBucket", "s3:GetObject", "s3:PutObject", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"])
    error_message = "nothing of a cluster is allowed where none is asked"
  }

  assert {
    condition     = length(aws_eks_access_entry.pass) == 0
    error_message = "no access entry without a way to the cluster"
  }

  assert {
    condition = jsondecode(output.mirror_publisher_policy).Statement == [{
      Sid      = "PublishMirror", Effect = "Allow", Action = "s3:PutObject"
      Resource = "arn:aws:s3:::k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules.json.gz"
    }]
    error_message = "the publisher writes one object"
  }
}

run "publisher" {
  command = plan

  variables {
    rules_from          = "mirror"
    mirror_pod_identity = true
  }

  assert {
    condition     = aws_iam_role_policy.publisher[0].policy == output.mirror_publisher_policy
    error_message = "the role is allowed just that"
  }

  assert {
    condition = jsondecode(aws_iam_role.publisher[0].assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnEquals    = { "aws:SourceArn" = "arn:aws:eks:eu-west-1:123456789012:cluster/production" }
    }
    error_message = "only pods of the cluster take its role"
  }

  assert {
    condition     = strcontains(output.next_commands, "s3://k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules.json.gz")
    error_message = "the command that applies the CronJob says where to"
  }
}

run "kubeconfig_in_a_secret" {
  command = plan

  variables {
    kube_config_secret             = "backup/kubeconfig"
    kube_config_secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
  }

  assert {
    condition = {
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Sid => join(" ", sort(flatten([s.Resource])))
      if contains(["FindCluster", "ReadKubeconfig", "DecryptKubeconfig"], s.Sid)
      } == {
      ReadKubeconfig = join(" ", [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:backup/kubeconfig",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:backup/kubeconfig-??????",
      ])
      DecryptKubeconfig = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
    }
    error_message = "the secret and its key, and no EKS"
  }

  assert {
    condition     = length(aws_eks_access_entry.pass) == 0
    error_message = "no access entry for what is not EKS"
  }
}

run "in_a_network" {
  command = plan

  variables {
    subnet_ids         = ["subnet-0a1b2c3d"]
    security_group_ids = ["sg-0c4d5e6f"]
    kms_key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
  }

  assert {
    condition = alltrue([
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement :
      s.Effect == "Deny" || s.Resource != "*" || alltrue([for action in flatten([s.Action]) : startswith(action, "ec2:Describe")])
    ])
    error_message = "only describes are allowed on *"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Condition if s.Sid == "NoNetworkForTheCode"
    ] == [{ ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:k8s-snapshots" } }]
    error_message = "the function's own code has nothing to do with the network"
  }

  assert {
    condition = [
      for s in jsondecode(data.aws_iam_policy_document.pass.json).Statement : s.Resource if s.Sid == "UseKey"
    ] == ["arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"]
    error_message = "one key"
  }
}

run "scheduler" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.scheduler.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/k8s-snapshots" }
    }
    error_message = "only our own schedules take the scheduler's role"
  }

  assert {
    condition = {
      for s in jsondecode(data.aws_iam_policy_document.scheduler.json).Statement : s.Action => s.Resource
      } == {
      "lambda:InvokeFunction" = "arn:aws:lambda:eu-west-1:123456789012:function:k8s-snapshots"
      "sqs:SendMessage"       = "arn:aws:sqs:eu-west-1:123456789012:k8s-snapshots-dead-letters"
    }
    error_message = "it invokes one function"
  }
}
