locals {
  # Name and input of each schedule.
  schedules = var.schedule_per_region ? {
    for region in local.regions :
    "${var.name}-${region}" => jsonencode({ mode = "reconcile", only = { scopes = [region] } })
  } : { (var.name) = jsonencode({ mode = "reconcile" }) }
  minutes = max(1, floor(local.period / 60))
}

# A group of its own: a trust policy can name a group, but no single schedule.
resource "aws_scheduler_schedule_group" "passes" {
  name = var.name
}

resource "aws_scheduler_schedule" "pass" {
  for_each = local.schedules

  name                = each.key
  group_name          = aws_scheduler_schedule_group.passes.name
  description         = "A pass every ${local.minutes} minutes"
  schedule_expression = local.minutes == 1 ? "rate(1 minute)" : "rate(${local.minutes} minutes)"
  state               = var.paused ? "DISABLED" : "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.pass.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = each.value

    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = local.period
    }

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
