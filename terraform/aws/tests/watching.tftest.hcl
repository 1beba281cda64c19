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

run "uncovered" {
  command = plan

  variables {
    alarm_on_uncovered = true
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.pass["disks-uncovered"].metric_name == "DisksUncovered"
    error_message = "an alarm for who wants it"
  }
}

run "alarms" {
  command = plan

  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.pass : name => alarm.metric_name
      } == {
      no-completed-pass    = "PassCompleted"
      passes-failing       = "PassFailed"
      disks-overdue        = "DisksOverdue"
      snapshots-failed     = "SnapshotsFailed"
      deletions-held       = "DeletionsHeld"
      rules-lost           = "RulesLost"
      two-key-disagreement = "TwoKeyDisagreements"
      mirror-in-use        = "MirrorInUse"
      problems             = "Problems"
    }
    error_message = "an alarm on each"
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.pass :
      alarm.namespace == "K8sSnapshots" && alarm.dimensions == tomap({ cluster = "production" }) && alarm.period == 300
      && alarm.alarm_name == "k8s-snapshots-${name}" && endswith(alarm.alarm_description, "docs/runbook.md#${name}")
    ])
    error_message = "of this cluster, by the period, with its entry in the runbook"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.pass["no-completed-pass"].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.pass["no-completed-pass"].threshold == 1
      && aws_cloudwatch_metric_alarm.pass["no-completed-pass"].evaluation_periods == 3
      && aws_cloudwatch_metric_alarm.pass["no-completed-pass"].treat_missing_data == "breaching"
    )
    error_message = "silence is an alarm after three periods"
  }

  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.pass : a.datapoints_to_alarm <= a.evaluation_periods])
    error_message = "no more of the periods than there are"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dead_letters.dimensions["QueueName"] == "k8s-snapshots-dead-letters"
    error_message = "dead letters are seen"
  }
}

run "dashboard" {
  command = plan

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.passes.dashboard_body).widgets[0].properties.alarms) == 10
    error_message = "every alarm is on the dashboard"
  }

  assert {
    condition = alltrue(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.passes.dashboard_body).widgets : [
        for metric in try(widget.properties.metrics, []) :
        contains([["cluster", "production"], ["FunctionName", "k8s-snapshots"]], slice(metric, 2, 4))
      ]
    ]))
    error_message = "metrics of this cluster and function"
  }
}

run "mirror_only" {
  command = plan

  variables {
    rules_from     = "mirror"
    mirror_max_age = "P1DT12H"
    cluster_id     = "production-eu"
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.pass), "mirror-in-use")
    error_message = "the mirror is always in use there"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.pass["mirror-stale"].metric_name == "MirrorAge"
      && aws_cloudwatch_metric_alarm.pass["mirror-stale"].threshold == 129600
      && aws_cloudwatch_metric_alarm.pass["mirror-stale"].dimensions["cluster"] == "production-eu"
    )
    error_message = "but it may be too old"
  }
}

run "topics_of_ones_own" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.topic_arn == null
    error_message = "no topic beside one's own"
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.pass), [aws_cloudwatch_metric_alarm.dead_letters]) :
      alarm.alarm_actions == toset(var.alarm_topic_arns) && alarm.ok_actions == toset(var.alarm_topic_arns)
    ])
    error_message = "every alarm goes there"
  }
}

run "paused" {
  command = plan

  variables {
    paused = true
  }

  assert {
    condition     = aws_scheduler_schedule.pass["k8s-snapshots"].state == "DISABLED"
    error_message = "nothing is fired"
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.pass), "no-completed-pass")
    error_message = "and nothing is missed"
  }
}
