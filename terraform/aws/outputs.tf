output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.pass.function_name
}

output "function_arn" {
  description = "ARN of the function, for the policies of those who invoke it by hand."
  value       = aws_lambda_function.pass.arn
}

output "role_arn" {
  description = "Role of the function; clusters that know roles by `aws-auth` map it to the group `k8s-snapshots`."
  value       = aws_iam_role.pass.arn
}

output "bucket" {
  description = "Bucket of the mirror, the leases and the reports."
  value       = local.bucket
}

output "mirror_url" {
  description = "Where the mirror of the rules is stored, and the rest beside it: `MIRROR_URL` of the command line."
  value       = local.mirror_url
}

output "report_url" {
  description = "Where the report is stored as a page, if `report_html` is set; else null."
  value       = var.report_html ? local.page_url : null
}

output "topic_arn" {
  description = "The SNS topic that was made for the alarms, if one was."
  value       = one(aws_sns_topic.alarms[*].arn)
}

output "dead_letters_url" {
  description = "Queue of the passes that could not be started, or failed."
  value       = aws_sqs_queue.dead_letters.url
}

output "log_group" {
  description = "Log group of the function."
  value       = aws_cloudwatch_log_group.pass.name
}

output "dashboard" {
  description = "Address of the dashboard."
  value       = "https://${local.region}.${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${var.name}"
}

output "mirror_publisher_policy" {
  description = "What the role of the CronJob that publishes the mirror may do, where `rules_from` is `mirror`; else null."
  value       = local.live ? null : data.aws_iam_policy_document.publisher.json
}

output "mirror_role_arn" {
  description = "Role of that CronJob, where `mirror_pod_identity` made one."
  value       = one(aws_iam_role.publisher[*].arn)
}

locals {
  console = lookup({ aws-cn = "console.amazonaws.cn", aws-us-gov = "console.amazonaws-us-gov.com" }, local.partition, "console.aws.amazon.com")
  invoke  = "aws lambda invoke --function-name ${var.name} --region ${local.region} --cli-binary-format raw-in-base64-out --cli-read-timeout 0"
  manifests = local.live ? [
    "# the SnapshotRule resource, and the function's access",
    "kubectl apply -f manifests/crd.yaml -f manifests/rbac.yaml${var.write_status ? " -f manifests/rbac-status.yaml" : ""}",
    ] : [
    "# the SnapshotRule resource",
    "kubectl apply -f manifests/crd.yaml",
    var.mirror_pod_identity ? "# the CronJob that publishes the mirror" : "# the CronJob that publishes the mirror; ROLE is one of yours with mirror_publisher_policy",
    "sed -e 's|s3://BUCKET/k8s-snapshots/rules.json.gz|${local.mirror_url}|' ${var.mirror_pod_identity ? "-e '/role-arn: ROLE/d' " : "-e 's|role-arn: ROLE|role-arn: arn:${local.partition}:iam::${local.account}:role/ROLE|' "}manifests/mirror-aws.yaml | kubectl apply -f -",
  ]
}

output "next_commands" {
  description = "What to run next, from the folder of the project."
  value = join("\n", concat(local.manifests, [
    "# what a pass will do, and why; changes nothing",
    "${local.invoke} --payload '${jsonencode({ mode = "plan" })}' plan.json && cat plan.json",
    "# what was missed, at once",
    "${local.invoke} --payload '${jsonencode({ mode = "backfill" })}' backfill.json && cat backfill.json",
    "# the same from here, with your own rights and the function's settings",
    "export CLUSTER_ID=${local.cluster} MIRROR_URL=${local.mirror_url} REGIONS=${join(",", local.regions)} && python -m functions.aws check",
    "# what passes say",
    "aws logs tail ${aws_cloudwatch_log_group.pass.name} --region ${local.region} --follow",
  ]))
}
