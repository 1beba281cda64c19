# Bad variables are refused in the plan, with a message that says what is valid.

variables {
  project_id   = "shop-production"
  region       = "europe-west1"
  cluster_name = "projects/shop-production/locations/europe-west1/clusters/shop"
  zip          = "versions.tf"
}

run "a_period_under_a_minute" {
  command = plan
  variables {
    schedule_period = "PT30S"
  }
  expect_failures = [var.schedule_period]
}

run "a_period_that_divides_nothing" {
  command = plan
  variables {
    schedule_period = "PT7M"
  }
  expect_failures = [var.schedule_period]
}

run "a_period_in_words" {
  command = plan
  variables {
    schedule_period = "5 minutes"
  }
  expect_failures = [var.schedule_period]
}

run "a_short_name_of_a_cluster" {
  command = plan
  variables {
    cluster_name = "shop"
  }
  expect_failures = [var.cluster_name]
}

run "an_arn_of_a_cluster" {
  command = plan
  variables {
    cluster_name = "arn:aws:eks:eu-west-1:123456789012:cluster/shop"
  }
  expect_failures = [var.cluster_name]
}

run "no_cluster" {
  command = plan
  variables {
    cluster_name = ""
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "contents_of_a_secret" {
  command = plan
  variables {
    kube_config_secret = "apiVersion: v1"
  }
  expect_failures = [var.kube_config_secret]
}

run "an_empty_project" {
  command = plan
  variables {
    projects = [""]
  }
  expect_failures = [var.projects]
}

run "a_number_of_a_project" {
  command = plan
  variables {
    projects = ["123456789012"]
  }
  expect_failures = [var.projects]
}

run "a_zone_for_a_region" {
  command = plan
  variables {
    region = "europe-west1-b"
  }
  expect_failures = [var.region]
}

run "a_long_name" {
  command = plan
  variables {
    name = "k8s-snapshots-of-the-production-shop"
  }
  expect_failures = [var.name]
}

run "a_missing_artefact" {
  command = plan
  variables {
    zip = "nothing.zip"
  }
  expect_failures = [var.zip]
}

run "a_timeout_under_the_deadline" {
  command = plan
  variables {
    timeout = 300
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "a_timeout_above_the_schedulers" {
  command = plan
  variables {
    timeout = 3600
  }
  expect_failures = [var.timeout]
}

run "a_deadline_in_months" {
  command = plan
  variables {
    pass_deadline = "P1M"
  }
  expect_failures = [var.pass_deadline]
}

run "a_log_level" {
  command = plan
  variables {
    log_level = "TRACE"
  }
  expect_failures = [var.log_level]
}

run "a_source_of_rules" {
  command = plan
  variables {
    rules_from = "bucket"
  }
  expect_failures = [var.rules_from]
}

run "an_orphan_policy" {
  command = plan
  variables {
    orphans = "delete"
  }
  expect_failures = [var.orphans]
}

run "a_settling_time_too_short" {
  command = plan
  variables {
    settle_after = "PT12H"
  }
  expect_failures = [var.settle_after]
}

run "a_settling_time_that_is_none" {
  command = plan
  variables {
    settle_after = "two weeks"
  }
  expect_failures = [var.settle_after]
}

run "an_uppercase_key" {
  command = plan
  variables {
    snapshot_author_label_key = "Created-By"
  }
  expect_failures = [var.snapshot_author_label_key]
}

run "a_key_with_a_slash" {
  command = plan
  variables {
    keep_label = "example.com/keep"
  }
  expect_failures = [var.keep_label]
}

run "a_young_mirror" {
  command = plan
  variables {
    mirror_max_age = "PT5M"
  }
  expect_failures = [var.mirror_max_age]
}

run "no_duration" {
  command = plan
  variables {
    orphan_grace = "a month"
  }
  expect_failures = [var.orphan_grace]
}

run "an_empty_duration" {
  command = plan
  variables {
    orphan_grace = "P"
  }
  expect_failures = [var.orphan_grace]
}

run "no_url" {
  command = plan
  variables {
    ping_url = "example.com/ping"
  }
  expect_failures = [var.ping_url]
}

run "everybody" {
  command = plan
  variables {
    invokers = ["allUsers"]
  }
  expect_failures = [var.invokers]
}

run "an_open_ingress" {
  command = plan
  variables {
    ingress = "ALL"
  }
  expect_failures = [var.ingress]
}

run "a_url_for_a_bucket" {
  command = plan
  variables {
    bucket = "gs://shop-backups"
  }
  expect_failures = [var.bucket]
}

run "a_version_of_a_key" {
  command = plan
  variables {
    kms_key = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
  }
  expect_failures = [var.kms_key]
}

run "one_period" {
  command = plan
  variables {
    alarm_after_periods = 1
  }
  expect_failures = [var.alarm_after_periods]
}

run "an_address" {
  command = plan
  variables {
    alarm_emails = ["ops"]
  }
  expect_failures = [var.alarm_emails]
}

run "more_than_a_week" {
  command = plan
  variables {
    schedule_period     = "P1D"
    alarm_after_periods = 8
  }
  expect_failures = [google_monitoring_alert_policy.this]
}

run "two_ways_into_a_network" {
  command = plan
  variables {
    vpc_connector = "projects/shop-production/locations/europe-west1/connectors/c"
    subnetwork    = "projects/shop-production/regions/europe-west1/subnetworks/functions"
  }
  expect_failures = [var.vpc_connector]
}

run "a_mirror_of_nobody" {
  command = plan
  variables {
    cluster_name = ""
    rules_from   = "mirror"
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "a_tag_by_its_name" {
  command = plan
  variables {
    snapshot_tag = "shop-production/backup=k8s-snapshots"
  }
  expect_failures = [var.snapshot_tag]
}

run "a_project_that_the_bucket_is_not_in" {
  command = plan
  variables {
    bucket         = "shop-backups"
    bucket_project = "shop-archive"
  }
  override_data {
    target = data.google_project.bucket[0]
    values = { number = "123456789012" }
  }
  override_data {
    target = data.google_storage_bucket.own[0]
    values = { project_number = 210987654321 }
  }
  expect_failures = [data.google_storage_bucket.own[0]]
}

run "a_project_of_a_bucket_that_is_made_here" {
  command = plan
  variables {
    bucket_project = "shop-archive"
  }
  expect_failures = [var.bucket_project]
}
