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

run "function" {
  command = plan

  assert {
    condition = (
      aws_lambda_function.pass.runtime == "python3.13" && aws_lambda_function.pass.architectures == tolist(["arm64"])
      && aws_lambda_function.pass.handler == "functions.aws.handler.handler"
    )
    error_message = "runtime, machine, handler"
  }

  assert {
    condition     = aws_lambda_function.pass.source_code_hash == filebase64sha256("main.tf")
    error_message = "a plan changes with the artefact, and with nothing else"
  }

  assert {
    condition     = aws_lambda_function.pass.logging_config[0].log_format == "Text"
    error_message = "Lambda would wrap the metrics"
  }

  assert {
    condition = aws_lambda_function.pass.environment[0].variables == tomap({
      CLUSTER_NAME              = "production"
      USE_CLAIM_NAME            = "false"
      WRITE_STATUS              = "false"
      REPORT_HTML               = "false"
      DISK_METRICS              = "false"
      DELTAS_ANNOTATION_KEY     = "backup.kubernetes.io/deltas"
      SNAPSHOT_AUTHOR_LABEL     = "k8s-snapshots"
      SNAPSHOT_AUTHOR_LABEL_KEY = "created-by"
      KEEP_LABEL                = "k8s-snapshots-keep"
      SNAPSHOT_DATETIME_FORMAT  = "%d%m%y-%H%M%S"
      SCHEDULE_PERIOD           = "PT5M"
      DEFAULT_SOURCES           = "namespaces,storageclasses,policies"
      RULES_FROM                = "cluster"
      MIRROR_URL                = "s3://k8s-snapshots-123456789012-eu-west-1/k8s-snapshots/rules.json.gz"
      MIRROR_MAX_AGE            = "P1D"
      SETTLE_AFTER              = "P14D"
      ORPHANS                   = "keep"
      ORPHAN_GRACE              = "P30D"
      LOG_LEVEL                 = "INFO"
      REGIONS                   = "eu-west-1"
    })
    error_message = "the environment has what is set, and nothing empty"
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.pass.maximum_retry_attempts == 0
      && aws_lambda_function_event_invoke_config.pass.maximum_event_age_in_seconds == 300
    )
    error_message = "a pass is not repeated, and not begun when the next one is due"
  }

  assert {
    condition     = aws_cloudwatch_log_group.pass.retention_in_days == 90 && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "logs end, dead letters are encrypted"
  }
}

run "one_schedule" {
  command = plan

  assert {
    condition     = { for name, s in aws_scheduler_schedule.pass : name => jsondecode(s.target[0].input) } == { k8s-snapshots = { mode = "reconcile" } }
    error_message = "one schedule, of a reconcile of everything"
  }

  assert {
    condition = alltrue([
      for s in aws_scheduler_schedule.pass :
      s.schedule_expression == "rate(5 minutes)" && s.flexible_time_window[0].mode == "OFF" && s.state == "ENABLED"
      && s.target[0].retry_policy[0].maximum_retry_attempts == 0
      && s.target[0].retry_policy[0].maximum_event_age_in_seconds == 300
    ])
    error_message = "every five minutes, on time, without retries"
  }

  assert {
    condition     = aws_lambda_function.pass.reserved_concurrent_executions == 2
    error_message = "one schedule, one pass at once"
  }
}

run "a_schedule_for_each_region" {
  command = plan

  variables {
    name                = "shop"
    regions             = ["eu-west-1", "us-east-2"]
    schedule_per_region = true
    schedule_period     = "PT1M"
  }

  assert {
    condition = { for name, s in aws_scheduler_schedule.pass : name => jsondecode(s.target[0].input) } == {
      shop-eu-west-1 = { mode = "reconcile", only = { scopes = ["eu-west-1"] } }
      shop-us-east-2 = { mode = "reconcile", only = { scopes = ["us-east-2"] } }
    }
    error_message = "each has its region"
  }

  assert {
    condition     = alltrue([for s in aws_scheduler_schedule.pass : s.schedule_expression == "rate(1 minute)" && s.group_name == "shop"])
    error_message = "one minute has a word of its own"
  }

  assert {
    condition     = aws_lambda_function.pass.reserved_concurrent_executions == 3 && aws_cloudwatch_metric_alarm.pass["no-completed-pass"].threshold == 2
    error_message = "two at once, and both are missed"
  }
}

run "long_periods" {
  command = plan

  variables {
    schedule_period      = "PT12H"
    reserved_concurrency = -1
  }

  assert {
    condition     = aws_scheduler_schedule.pass["k8s-snapshots"].schedule_expression == "rate(720 minutes)"
    error_message = "twelve hours"
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.pass.maximum_event_age_in_seconds == 21600
    error_message = "Lambda keeps an event for six hours at most"
  }

  assert {
    condition     = aws_lambda_function.pass.reserved_concurrent_executions == -1
    error_message = "none reserved"
  }
}

run "bucket" {
  command = plan

  assert {
    condition = alltrue([for b in aws_s3_bucket_public_access_block.store :
    b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets])
    error_message = "nobody else's"
  }

  assert {
    condition = (
      aws_s3_bucket.store[0].force_destroy == false
      && aws_s3_bucket_versioning.store[0].versioning_configuration[0].status == "Enabled"
      && aws_s3_bucket_ownership_controls.store[0].rule[0].object_ownership == "BucketOwnerEnforced"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.store[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    )
    error_message = "never force-destroyed, versioned, without ACLs, encrypted"
  }

  assert {
    condition = (
      jsondecode(aws_s3_bucket_policy.store[0].policy).Statement[0].Effect == "Deny"
      && jsondecode(aws_s3_bucket_policy.store[0].policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } }
    )
    error_message = "TLS only"
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.store[0].rule : rule.id => try(rule.expiration[0].days, null)
      if rule.id == "reports"
    } == { reports = 400 }
    error_message = "reports expire"
  }
}

run "key_of_ones_own" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
  }

  assert {
    condition = alltrue([for key in [
      one(one(aws_s3_bucket_server_side_encryption_configuration.store[0].rule).apply_server_side_encryption_by_default).kms_master_key_id,
      aws_cloudwatch_log_group.pass.kms_key_id,
      aws_lambda_function.pass.kms_key_arn,
      aws_sns_topic.alarms[0].kms_master_key_id,
    ] : key == var.kms_key_arn])
    error_message = "bucket, logs, environment and topic"
  }
}

run "bucket_of_ones_own" {
  command = plan

  variables {
    bucket = "my-backups"
    name   = "shop"
  }

  assert {
    condition     = length(aws_s3_bucket.store) + length(aws_s3_bucket_policy.store) + length(aws_s3_bucket_lifecycle_configuration.store) == 0
    error_message = "a bucket of one's own is left as it is"
  }

  assert {
    condition     = output.mirror_url == "s3://my-backups/shop/rules.json.gz"
    error_message = "each name has a folder of its own"
  }
}

run "recycle_bin" {
  command = plan

  variables {
    recycle_bin_days = 14
    regions          = ["eu-west-1", "us-east-2"]
  }

  assert {
    condition = {
      for region, rule in aws_rbin_rule.snapshots : region => one(rule.retention_period).retention_period_value
    } == { eu-west-1 = 14, us-east-2 = 14 }
    error_message = "a rule in each region"
  }

  assert {
    condition     = one(aws_rbin_rule.snapshots["us-east-2"].resource_tags).resource_tag_value == "k8s-snapshots"
    error_message = "for our snapshots only"
  }
}

run "urls_are_secrets" {
  command = plan

  variables {
    heartbeat_url = "https://example.com/heartbeat"
  }

  assert {
    condition     = issensitive(aws_lambda_function.pass.environment[0].variables["HEARTBEAT_URL"])
    error_message = "the URL is not shown"
  }

  assert {
    condition     = !issensitive(aws_lambda_function.pass.environment[0].variables["CLUSTER_NAME"])
    error_message = "the rest is"
  }
}
