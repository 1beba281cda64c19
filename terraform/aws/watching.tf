# Alarms on the metrics that a pass writes (shared/reports/metrics.py). Each is named after its entry in docs/runbook.md.

locals {
  make_topic = length(var.alarm_topic_arns) == 0
  topics     = local.make_topic ? aws_sns_topic.alarms[*].arn : var.alarm_topic_arns

  # `of` of the last `within` periods have to be so. Unless `missing` says otherwise an alarm stays as it is
  # while there are no passes: their absence has an alarm of its own.
  alarms = {
    for name, alarm in {
      no-completed-pass = {
        # All schedules emit the same metric: one that stopped leaves too few.
        metric  = "PassCompleted", comparison = "LessThanThreshold", threshold = length(local.schedules)
        missing = "breaching", wanted = !var.paused
        text    = "In none of the last ${var.alarm_after_periods} periods of ${var.schedule_period} did every schedule have a completed pass: snapshots are perhaps not taken."
      }
      passes-failing = {
        metric = "PassFailed", of = min(2, var.alarm_after_periods), missing = "notBreaching"
        text   = "Passes cannot do their work, and fail again and again."
      }
      disks-overdue = {
        metric = "DisksOverdue", statistic = "Maximum"
        text   = "Disks should have been snapshotted by an earlier pass and were not."
      }
      snapshots-failed = {
        metric = "SnapshotsFailed", of = 1, within = 1, missing = "notBreaching"
        text   = "A snapshot could not be created."
      }
      deletions-held = {
        metric = "DeletionsHeld", statistic = "Maximum"
        text   = "Deletions are held, and the report says why: a rule may have been mistyped, or rules or listing cannot be trusted now."
      }
      rules-lost = {
        metric = "RulesLost", of = 1, statistic = "Maximum"
        text   = "Half or more of the disks that had a rule lately have none now: they are not snapshotted any more."
      }
      disks-uncovered = {
        metric = "DisksUncovered", statistic = "Maximum", wanted = var.alarm_on_uncovered
        text   = "Bound volumes have no rule, and nobody opted them out: they are not backed up."
      }
      two-key-disagreement = {
        metric = "TwoKeyDisagreements", of = 1, within = 1, missing = "notBreaching"
        text   = "tarsnapper would keep what the plan deletes: this is a bug, and what they disagree about is held."
      }
      mirror-in-use = {
        metric = "MirrorInUse", statistic = "Maximum", wanted = local.live
        text   = "The cluster's API cannot be reached: snapshots are taken by the mirror of the rules, and nothing is deleted."
      }
      mirror-stale = {
        metric = "MirrorAge", statistic = "Maximum", unit = "Seconds", wanted = !local.live
        anchor = "mirror-in-use", comparison = "GreaterThanThreshold", threshold = local.mirror_max_age
        text   = "The mirror of the rules has not been published for ${var.mirror_max_age}: snapshots are taken by it, and nothing is deleted."
      }
      problems = {
        metric = "Problems", statistic = "Maximum"
        text   = "A rule has a problem: the report says what is valid. If it is an error, nothing of the disk is deleted."
      }
    } :
    name => merge({
      statistic = "Sum", unit = "Count", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      of        = try(alarm.within, var.alarm_after_periods), within = var.alarm_after_periods
      missing   = "ignore", anchor = name
    }, alarm) if try(alarm.wanted, true)
  }
}

resource "aws_sns_topic" "alarms" {
  count = local.make_topic ? 1 : 0

  name = "${var.name}-alarms"
  # CloudWatch may not use the account's own key of SNS: it is a key of yours, or none.
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "pass" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.text} ${local.page}See docs/runbook.md#${each.value.anchor}"

  namespace   = "K8sSnapshots"
  metric_name = each.value.metric
  dimensions  = { cluster = local.cluster }
  unit        = each.value.unit
  statistic   = each.value.statistic

  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = local.period
  evaluation_periods  = each.value.within
  datapoints_to_alarm = each.value.of
  treat_missing_data  = each.value.missing

  alarm_actions = local.topics
  ok_actions    = local.topics
}

# Whatever ends a pass before it can write a metric: a time-out, no memory, a function that does not start.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "A pass could not be started, or failed: what it was asked, and why it failed, is in the queue for a day. See docs/runbook.md#dead-letters"

  namespace   = "AWS/SQS"
  metric_name = "ApproximateNumberOfMessagesVisible"
  dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic   = "Maximum"

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = local.topics
  ok_actions    = local.topics
}

locals {
  # Title, statistic and metrics of each graph, from left to right, three a row.
  graphs = [
    { title = "Passes", stat = "Sum", metrics = ["PassCompleted", "PassFailed", "PassSkipped"] },
    { title = "Disks", stat = "Maximum", metrics = ["Rules", "Disks", "DisksOverdue", "DisksUncovered", "RulesLost", "Problems", "Notes"] },
    { title = "Worst overdue, in intervals", stat = "Maximum", metrics = ["WorstOverdue"] },
    { title = "Snapshots", stat = "Sum", metrics = ["SnapshotsCreated", "SnapshotsDeleted", "SnapshotsFailed"] },
    { title = "Not deleted", stat = "Maximum", metrics = ["DeletionsHeld", "DeletionsUnsettled", "Deferred", "Orphans", "TwoKeyDisagreements"] },
    { title = "Mirror: age in seconds", stat = "Maximum", metrics = ["MirrorAge", "MirrorInUse"] },
    { title = "Duration of a pass, in milliseconds", stat = "Maximum", metrics = ["PassDuration"] },
  ]
}

resource "aws_cloudwatch_dashboard" "passes" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = {
          title  = "Alarms of ${local.cluster}"
          alarms = [for name in concat(keys(local.alarms), ["dead-letters"]) : "arn:${local.partition}:cloudwatch:${local.here}:alarm:${var.name}-${name}"]
        }
      }],
      [for i, graph in local.graphs : {
        type = "metric", x = 8 * (i % 3), y = 3 + 6 * floor(i / 3), width = 8, height = 6
        properties = {
          title   = graph.title
          region  = local.region
          view    = "timeSeries"
          stat    = graph.stat
          period  = local.period
          metrics = [for metric in graph.metrics : ["K8sSnapshots", metric, "cluster", local.cluster]]
        }
      }],
      [{
        type = "metric", x = 8, y = 15, width = 8, height = 6
        properties = {
          title   = "Lambda"
          region  = local.region
          view    = "timeSeries"
          stat    = "Sum"
          period  = local.period
          metrics = [for metric in ["Invocations", "Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", var.name]]
        }
      }],
      [{
        type = "log", x = 16, y = 15, width = 8, height = 6
        properties = {
          title  = "Warnings and errors"
          region = local.region
          view   = "table"
          query  = "SOURCE '/aws/lambda/${var.name}' | fields @timestamp, level, message | filter level in ['WARNING', 'ERROR'] | sort @timestamp desc | limit 50"
        }
      }],
    )
  })
}
