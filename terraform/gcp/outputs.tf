output "function_name" {
  description = "Name of the function."
  value       = google_cloudfunctions2_function.this.name
}

output "function_uri" {
  description = "Address of the function; it takes a POST with an identity token."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "service_account" {
  description = "Email of the function's service account, which is its User in Kubernetes."
  value       = google_service_account.function.email
}

output "scheduler_service_account" {
  description = "Email of the scheduler's service account."
  value       = google_service_account.scheduler.email
}

output "build_service_account" {
  description = "Email of the service account that builds the function."
  value       = google_service_account.build.email
}

output "bucket" {
  description = "The bucket of mirror, state and reports."
  value       = local.bucket
}

output "mirror_url" {
  description = "Address of the rules' mirror."
  value       = local.mirror_url
}

output "report_url" {
  description = "Where the report is stored as a page, if `report_html` is set; else null."
  value       = var.report_html ? local.page_url : null
}

output "mirror_service_account" {
  description = "Email of the service account that publishes the mirror, ACCOUNT in `manifests/mirror-google.yaml`, where `rules_from` is `mirror`; else null."
  value       = one(google_service_account.mirror[*].email)
}

output "schedules" {
  description = "Names of the scheduler's jobs."
  value       = keys(google_cloud_scheduler_job.this)
}

output "dashboard" {
  description = "Address of the dashboard."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.this.id)}?project=${var.project_id}"
}

locals {
  in_project = "--project ${var.project_id}"
  # An identity token and roles/run.invoker are all that it takes; gcloud functions call wants more.
  call = join(" ", [
    "curl -sS --max-time ${var.timeout} -X POST ${google_cloudfunctions2_function.this.service_config[0].uri}",
    "-H \"Authorization: Bearer $(gcloud auth print-identity-token)\" -H \"Content-Type: application/json\" -d",
  ])
}

output "next_commands" {
  description = "What to run next, from the folder of the project."
  value = join("\n", concat(
    var.rules_from == "cluster" ? [
      "# the SnapshotRule resource, and read-only access of the function, which is a User in the cluster",
      "kubectl apply -f manifests/crd.yaml -f manifests/rbac.yaml${var.write_status ? " -f manifests/rbac-status.yaml" : ""}",
      join("\n", [for role in concat(["reader"], var.write_status ? ["status"] : []) :
        "kubectl create clusterrolebinding k8s-snapshots-${role}-google --clusterrole=k8s-snapshots-${role} --user=${google_service_account.function.email}"
      ]),
      ] : [
      "# the SnapshotRule resource, and the CronJob that publishes the mirror",
      "kubectl apply -f manifests/crd.yaml",
      "sed -e 's|gs://BUCKET/k8s-snapshots/rules.json.gz|${local.mirror_url}|' -e 's|: ACCOUNT$|: ${google_service_account.mirror[0].email}|' manifests/mirror-google.yaml | kubectl apply -f -",
      "gcloud iam service-accounts add-iam-policy-binding ${google_service_account.mirror[0].email} ${local.in_project} --role=roles/iam.workloadIdentityUser --member='serviceAccount:${try(split("/", var.cluster_name)[1], var.project_id)}.svc.id.goog[k8s-snapshots/mirror]'",
    ],
    var.ingress == "ALLOW_ALL" ? [
      "# what a pass will do, and why; changes nothing",
      "${local.call} '${jsonencode({ mode = "plan" })}'",
      "# what was missed, at once",
      "${local.call} '${jsonencode({ mode = "backfill" })}'",
      ] : [
      "# a pass, at once, by the scheduler, which comes from inside; its report is in the bucket",
      join("\n", [for job in google_cloud_scheduler_job.this : "gcloud scheduler jobs run ${job.name} --location ${var.region} ${local.in_project}"]),
      "# what a pass will do, and why, from a machine in one of the project's networks",
      "${local.call} '${jsonencode({ mode = "plan" })}'",
    ],
    [
      "# the same from here, with your own rights and the function's settings",
      "export CLUSTER_ID=${coalesce(var.cluster_id, var.cluster_name)} MIRROR_URL=${local.mirror_url} GCLOUD_PROJECT=${coalesce(var.gcloud_project, var.project_id)} && python -m functions.gcp check",
      "# what passes say",
      "gcloud functions logs read ${google_cloudfunctions2_function.this.name} --gen2 --region ${var.region} ${local.in_project} --limit 50",
    ],
  ))
}
