# Wrong input fails in the plan. What is right is planned in the other files.
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

run "no_cluster" {
  command         = plan
  expect_failures = [var.cluster_name]

  variables {
    cluster_name = ""
  }
}

run "an_arn_for_a_name" {
  command         = plan
  expect_failures = [var.cluster_name]

  variables {
    cluster_name = "arn:aws:eks:eu-west-1:123456789012:cluster/production"
  }
}

run "a_name_with_a_blank" {
  command         = plan
  expect_failures = [var.cluster_name]

  variables {
    cluster_name = "my cluster"
  }
}

run "a_secret_without_a_name" {
  command         = plan
  expect_failures = [var.cluster_name]

  variables {
    cluster_name       = ""
    kube_config_secret = "kubeconfig"
  }
}

run "a_kubeconfig_for_a_secret" {
  command         = plan
  expect_failures = [var.kube_config_secret]

  variables {
    kube_config_secret = "apiVersion: v1\nkind: Config"
  }
}

run "half_a_minute" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = "PT30S"
  }
}

run "a_minute_and_a_half" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = "PT1M30S"
  }
}

run "a_period_in_words" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = "5 minutes"
  }
}

run "a_period_of_a_month" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = "P1M"
  }
}

run "more_than_a_day" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = "P2D"
  }
}

run "no_period" {
  command         = plan
  expect_failures = [var.schedule_period]

  variables {
    schedule_period = ""
  }
}

run "no_region" {
  command         = plan
  expect_failures = [var.regions]

  variables {
    regions = []
  }
}

run "a_zone_for_a_region" {
  command         = plan
  expect_failures = [var.regions]

  variables {
    regions = ["us-east-1a"]
  }
}

run "a_region_twice" {
  command         = plan
  expect_failures = [var.regions]

  variables {
    regions = ["eu-west-1", "eu-west-1"]
  }
}

run "a_settling_time_too_short" {
  command         = plan
  expect_failures = [var.settle_after]

  variables {
    settle_after = "PT12H"
  }
}

run "a_settling_time_that_is_none" {
  command         = plan
  expect_failures = [var.settle_after]

  variables {
    settle_after = "two weeks"
  }
}

run "orphans" {
  command         = plan
  expect_failures = [var.orphans]

  variables {
    orphans = "delete"
  }
}

run "orphan_grace" {
  command         = plan
  expect_failures = [var.orphan_grace]

  variables {
    orphan_grace = "30 days"
  }
}

run "nothing_but_letters" {
  command         = plan
  expect_failures = [var.orphan_grace]

  variables {
    orphan_grace = "PT"
  }
}

run "rules_from" {
  command         = plan
  expect_failures = [var.rules_from]

  variables {
    rules_from = "bucket"
  }
}

run "mirror_max_age" {
  command         = plan
  expect_failures = [var.mirror_max_age]

  variables {
    mirror_max_age = "PT5M"
  }
}

run "log_level" {
  command         = plan
  expect_failures = [var.log_level]

  variables {
    log_level = "TRACE"
  }
}

run "author_key" {
  command         = plan
  expect_failures = [var.snapshot_author_label_key]

  variables {
    snapshot_author_label_key = "Created By"
  }
}

run "keep_key" {
  command         = plan
  expect_failures = [var.keep_label]

  variables {
    keep_label = "9lives"
  }
}

run "heartbeat" {
  command         = plan
  expect_failures = [var.heartbeat_url]

  variables {
    heartbeat_url = "example.com/ping"
  }
}

run "ping" {
  command         = plan
  expect_failures = [var.ping_url]

  variables {
    ping_url = "ftp://example.com"
  }
}

run "namespace" {
  command         = plan
  expect_failures = [var.disk_rule_namespaces]

  variables {
    disk_rule_namespaces = ["kube-system,backup"]
  }
}

run "name" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "K8s"
  }
}

run "machine" {
  command         = plan
  expect_failures = [var.architecture]

  variables {
    architecture = "amd64"
  }
}

run "short_timeout" {
  command         = plan
  expect_failures = [var.timeout]

  variables {
    timeout = 60
  }
}

run "no_concurrency" {
  command         = plan
  expect_failures = [var.reserved_concurrency]

  variables {
    reserved_concurrency = 0
  }
}

run "bucket_url" {
  command         = plan
  expect_failures = [var.bucket]

  variables {
    bucket = "s3://my-backups"
  }
}

run "log_days" {
  command         = plan
  expect_failures = [var.log_days]

  variables {
    log_days = 100
  }
}

run "key_alias" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = "alias/backups"
  }
}

run "subnets_alone" {
  command         = plan
  expect_failures = [var.security_group_ids]

  variables {
    subnet_ids = ["subnet-0a1b2c3d"]
  }
}

run "recycle_bin" {
  command         = plan
  expect_failures = [var.recycle_bin_days]

  variables {
    recycle_bin_days = 0
  }
}

run "too_long_a_look_back" {
  command         = plan
  expect_failures = [var.alarm_after_periods]

  variables {
    alarm_after_periods = 300
  }
}

run "emails_and_topics" {
  command         = plan
  expect_failures = [var.alarm_emails]

  variables {
    alarm_emails     = ["backups@example.com"]
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
  }
}

run "publisher_of_a_live_cluster" {
  command         = plan
  expect_failures = [var.mirror_pod_identity]

  variables {
    mirror_pod_identity = true
  }
}

run "no_artefact" {
  command         = plan
  expect_failures = [aws_lambda_function.pass]

  variables {
    zip = "nowhere.zip"
  }
}

run "a_cluster_id_in_another_script" {
  command = plan

  variables {
    cluster_id = "produktion-ü"
  }

  expect_failures = [var.cluster_id]
}

run "a_cluster_id_that_is_a_variable_of_iam" {
  command = plan

  variables {
    cluster_id = "$${aws:username}"
  }

  expect_failures = [var.cluster_id]
}

run "an_extra_tag_of_our_own" {
  command = plan

  variables {
    extra_tags = { created-by = "somebody" }
  }

  expect_failures = [var.extra_tags]
}

run "an_extra_tag_that_is_reserved" {
  command = plan

  variables {
    extra_tags = { "AWS:x" = "y" }
  }

  expect_failures = [var.extra_tags]
}

run "extra_tags" {
  command = plan

  variables {
    extra_tags = { team = "a=b", cost-center = "4711" }
  }

  assert {
    condition     = aws_lambda_function.pass.environment[0].variables.EXTRA_TAGS == "cost-center=4711,team=a=b"
    error_message = "as the setting reads them"
  }
}
