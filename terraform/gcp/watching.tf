# Each pass logs one line with its metrics (functions/gcp/logs.py). Each metric becomes a distribution of its own:
# Cloud Logging extracts numbers into nothing else. Its sum and its count are what is asked for, in PromQL.
locals {
  metrics = {
    PassCompleted       = "1"
    PassFailed          = "1"
    PassSkipped         = "1"
    PassDuration        = "ms"
    Rules               = "1"
    Disks               = "1"
    DisksOverdue        = "1"
    DisksUncovered      = "1"
    WorstOverdue        = "1"
    SnapshotsCreated    = "1"
    SnapshotsDeleted    = "1"
    SnapshotsFailed     = "1"
    DeletionsHeld       = "1"
    DeletionsUnsettled  = "1"
    Deferred            = "1"
    Problems            = "1"
    Notes               = "1"
    RulesLost           = "1"
    Orphans             = "1"
    MirrorInUse         = "1"
    MirrorAge           = "s"
    TwoKeyDisagreements = "1"
  }

  # Cloud Monitoring's names in PromQL: the first slash becomes a colon, what else is no letter or digit a _.
  series = {
    for name in keys(local.metrics) :
    name => { for part in ["sum", "count"] : part =>
      "logging_googleapis_com:user_${replace(var.name, "-", "_")}_${name}_${part}{monitored_resource=\"cloud_run_revision\"}"
    }
  }
  # What was said within so many periods, and a minute for the way through the log.
  within = { for n in distinct([2, var.alarm_after_periods]) : n => "${n * local.seconds.period + 60}s" }
  counted = {
    for name, series in local.series :
    name => { for n, window in local.within : n => "sum(increase(${series.sum}[${window}]))" }
  }
  # How long what may pass by itself must last: longer than one pass is within the last two periods. Cloud Monitoring
  # takes no more than 23 h 30 min.
  lasting = "${min((var.alarm_after_periods + 1) * local.seconds.period, 82800)}s"
  # That no pass is completed: again and again none within one period and what may come on top of it. A pass may take
  # as long as timeout, and no other begins meanwhile (Cloud Scheduler, "About Cloud Scheduler"); a metric made of logs
  # may be 10 minutes late (Cloud Logging, "Troubleshoot log-based metrics"). So the first one is waited for, too.
  silence = min((var.alarm_after_periods - 1) * local.seconds.period, 82800)
  late    = var.timeout + 600
  silent  = "${var.alarm_after_periods * local.seconds.period + local.late - local.silence}s"

  mirror_age   = { for part, series in local.series.MirrorAge : part => "sum(increase(${series}[${local.within[2]}]))" }
  mirror_stale = "${local.mirror_age.sum} / ${local.mirror_age.count} > ${local.seconds.mirror}"

  alerts = {
    no-completed-pass = {
      title    = "no completed pass"
      severity = "CRITICAL"
      # Zero where there is nothing: also where there never was a pass.
      query   = "(sum(increase(${local.series.PassCompleted.sum}[${local.silent}])) or vector(0)) < 0.5"
      lasting = "${local.silence}s"
      means   = "For ${var.alarm_after_periods} periods of ${var.schedule_period} and ${ceil(local.late / 60)} minutes no pass was completed: no snapshots are taken."
    }
    passes-failing = {
      title    = "passes failing"
      severity = "CRITICAL"
      query    = "${local.counted.PassFailed[var.alarm_after_periods]} > 1.5" # one is repaired by the next
      lasting  = "0s"
      means    = "More than one pass within ${var.alarm_after_periods} periods of ${var.schedule_period} could not do its work; the log says why."
    }
    disks-overdue = {
      title    = "disks overdue"
      severity = "ERROR"
      query    = "${local.counted.DisksOverdue[2]} > 0"
      lasting  = local.lasting
      means    = "Disks should have been snapshotted by now, pass after pass, and were not."
    }
    snapshots-failed = {
      title    = "snapshots failed"
      severity = "ERROR"
      query    = "${local.counted.SnapshotsFailed[2]} > 0"
      lasting  = "0s"
      means    = "Google refused to take a snapshot; the report says of which disk, and why."
    }
    deletions-held = {
      title    = "deletions held"
      severity = "WARNING"
      query    = "${local.counted.DeletionsHeld[2]} > 0"
      lasting  = "0s"
      means    = "A pass did not delete snapshots that have expired, since it looks like a mistake; somebody should decide."
    }
    rules-lost = {
      title    = "rules lost"
      severity = "CRITICAL"
      query    = "${local.counted.RulesLost[2]} > 0"
      lasting  = "0s"
      means    = "Half or more of the disks that had a rule lately have none now: they are not snapshotted any more."
    }
    disks-uncovered = {
      title    = "disks uncovered"
      severity = "WARNING"
      query    = "${local.counted.DisksUncovered[2]} > 0"
      lasting  = local.lasting
      means    = "Bound volumes have no rule, and nobody opted them out: they are not backed up."
    }
    two-key-disagreement = {
      title    = "two-key disagreement"
      severity = "ERROR"
      query    = "${local.counted.TwoKeyDisagreements[2]} > 0"
      lasting  = "0s"
      means    = "Two ways to compute which snapshots expire disagree: the program has an error, and nothing of those disks is deleted."
    }
    # Where it is the only source of rules nothing stands in for anything: there its age tells.
    mirror-in-use = {
      title    = var.rules_from == "mirror" ? "mirror stale" : "mirror in use"
      severity = "WARNING"
      query    = var.rules_from == "mirror" ? local.mirror_stale : "${local.counted.MirrorInUse[2]} > 0"
      lasting  = local.lasting
      means    = var.rules_from == "mirror" ? "The mirror of the rules has not been published for ${var.mirror_max_age}: snapshots are taken by it, and nothing is deleted." : "The cluster's API cannot be reached: snapshots are taken by the mirror of the rules, and nothing is deleted."
    }
    problems = {
      title    = "problems"
      severity = "WARNING"
      query    = "${local.counted.Problems[2]} > 0"
      lasting  = "0s"
      means    = "Rules have something wrong; the report names each, and what would be right."
    }
  }

  channels = concat(var.notification_channels, [for channel in google_monitoring_notification_channel.email : channel.name])
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  project     = var.project_id
  name        = "${var.name}/${each.key}"
  description = "${each.key} of each pass of ${var.name}"
  filter = join(" ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=\"${google_cloudfunctions2_function.this.name}\"",
    "resource.labels.location=\"${var.region}\"",
    "jsonPayload.logger=\"functions.gcp.metrics\"",
    "jsonPayload.metrics.${each.key}>=0",
  ])
  value_extractor  = "EXTRACT(jsonPayload.metrics.${each.key})"
  label_extractors = { cluster = "EXTRACT(jsonPayload.cluster)" }

  # What they would be anyway, said so that a plan never has to guess.
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 64
      growth_factor      = 2
      scale              = 0.01
    }
  }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = each.value
    display_name = "${var.name}: ${each.key}"

    labels {
      key        = "cluster"
      value_type = "STRING"
    }
  }
}

# Each disk's age, where disk_metrics asks for it: a series for each.
resource "google_logging_metric" "disk" {
  count = var.disk_metrics ? 1 : 0

  project = var.project_id
  name    = "${var.name}/SnapshotAge"
  filter = join(" ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=\"${google_cloudfunctions2_function.this.name}\"",
    "resource.labels.location=\"${var.region}\"",
    "jsonPayload.logger=\"functions.gcp.metrics\"",
    "jsonPayload.metrics.SnapshotAge>=0",
  ])

  value_extractor  = "EXTRACT(jsonPayload.metrics.SnapshotAge)"
  label_extractors = { cluster = "EXTRACT(jsonPayload.cluster)", disk = "EXTRACT(jsonPayload.disk)" }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 64
      growth_factor      = 2
      scale              = 0.01
    }
  }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "s"
    display_name = "${var.name}: SnapshotAge"

    labels {
      key        = "cluster"
      value_type = "STRING"
    }
    labels {
      key        = "disk"
      value_type = "STRING"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alarm_emails

  project      = var.project_id
  display_name = "${var.name}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  depends_on   = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = { for name, alert in local.alerts : name => alert if name != "disks-uncovered" || var.alarm_on_uncovered }

  project               = var.project_id
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  enabled               = !(var.paused && each.key == "no-completed-pass")
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.lasting
      evaluation_interval = local.seconds.period * var.alarm_after_periods > 86400 ? "300s" : "60s"
      # A metric is known some minutes after it is made, and some only when they were first logged.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.means} ${local.page}What to do: docs/runbook.md#${each.key}"
  }

  lifecycle {
    precondition {
      condition     = var.alarm_after_periods * local.seconds.period <= 604800
      error_message = "alarm_after_periods = ${var.alarm_after_periods} periods of ${var.schedule_period} are more than a week, and no alert looks back longer. Set ${floor(604800 / local.seconds.period)} or fewer."
    }
  }

  depends_on = [google_logging_metric.this]
}

locals {
  # Of what is the same pass after pass the mean is shown, of what happens the sum.
  mean = { for name, series in local.series : name => "sum(increase(${series.sum}[$${__interval}])) / sum(increase(${series.count}[$${__interval}]))" }
  sum  = { for name, series in local.series : name => "sum(increase(${series.sum}[$${__interval}]))" }

  charts = [
    { title = "Passes", lines = { completed = local.sum.PassCompleted, failed = local.sum.PassFailed, skipped = local.sum.PassSkipped } },
    { title = "Duration of a pass, ms", lines = { duration = local.mean.PassDuration } },
    { title = "Rules and disks", lines = { rules = local.mean.Rules, disks = local.mean.Disks, "disks whose rules are gone" = local.mean.RulesLost, "volumes that nothing covers" = local.mean.DisksUncovered } },
    { title = "Disks overdue", lines = { disks = local.mean.DisksOverdue, "the worst, in intervals" = local.mean.WorstOverdue } },
    { title = "Snapshots", lines = { created = local.sum.SnapshotsCreated, deleted = local.sum.SnapshotsDeleted, failed = local.sum.SnapshotsFailed } },
    { title = "Left for later", lines = { "deletions held" = local.mean.DeletionsHeld, "deletions that wait until their disk is settled" = local.mean.DeletionsUnsettled, deferred = local.mean.Deferred, disagreements = local.mean.TwoKeyDisagreements } },
    { title = "Problems, notes and orphans", lines = { problems = local.mean.Problems, notes = local.mean.Notes, orphans = local.mean.Orphans } },
    { title = "The mirror", lines = { "in use" = local.mean.MirrorInUse, "age, s" = local.mean.MirrorAge } },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = var.name
    mosaicLayout = {
      columns = 48
      tiles = [
        # A position of 0 is left out, as Google leaves it out, or each plan would differ.
        for place, chart in local.charts : merge(
          place % 2 == 0 ? {} : { xPos = 24 },
          place < 2 ? {} : { yPos = floor(place / 2) * 16 },
          { width = 24, height = 16, widget = {
            title = chart.title
            xyChart = {
              dataSets = [
                for legend, query in chart.lines : {
                  legendTemplate  = legend
                  plotType        = "LINE"
                  targetAxis      = "Y1"
                  timeSeriesQuery = { prometheusQuery = query }
                }
              ]
            }
          } }
        )
      ]
    }
  })

  depends_on = [google_logging_metric.this]
}
