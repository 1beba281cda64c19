locals {
  period = regex("^P(?:T(?:(\\d+)M|(\\d+)H)|1D)$", var.schedule_period)
  cron = (
    local.period[0] != null ? (local.period[0] == "1" ? "* * * * *" : "*/${local.period[0]} * * * *") :
    local.period[1] != null ? (local.period[1] == "1" ? "0 * * * *" : "0 */${local.period[1]} * * *") :
    "0 0 * * *"
  )

  # The requests, by the jobs' names.
  schedules = merge(
    var.schedule_per_project ? {} : { (var.name) = jsonencode({ mode = "reconcile" }) },
    {
      for project in local.disk_projects :
      "${var.name}-${replace(project, "/[.:]/", "-")}" => jsonencode({ mode = "reconcile", only = { scopes = [project] } })
      if var.schedule_per_project
    },
  )
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.schedules

  project     = var.project_id
  region      = var.region
  name        = each.key
  description = "A pass of k8s-snapshots each ${var.schedule_period}"
  schedule    = local.cron
  time_zone   = "Etc/UTC"
  paused      = var.paused

  # An attempt that is given up while the function works would count as failed.
  attempt_deadline = "${min(1800, var.timeout + 15)}s"

  retry_config {
    retry_count = 0 # the next period is the retry
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this.service_config[0].uri
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(each.value)

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = google_cloudfunctions2_function.this.service_config[0].uri
    }
  }

  # The first call would be refused before that.
  depends_on = [google_cloud_run_v2_service_iam_member.scheduler]
}
