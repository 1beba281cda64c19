# Everything turned on: a private cluster, disks in two regions, a key of one's own, orphans that expire.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"

  default_tags {
    tags = { team = "platform" }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name    = "production-snapshots"
  region  = "eu-west-1"
  regions = [local.region, "eu-central-1"]
}

module "snapshots" {
  source = "../../../../terraform/aws"

  name         = local.name
  cluster_name = "production"
  cluster_id   = "production-eu"
  architecture = "arm64"
  memory       = 1024
  timeout      = 840

  # A schedule, a lease and a rate limit for each region.
  regions             = local.regions
  schedule_per_region = true
  schedule_period     = "PT10M"

  # The cluster's endpoint is private.
  subnet_ids         = ["subnet-0a1b2c3d4e5f60718", "subnet-08f7e6d5c4b3a2910"]
  security_group_ids = ["sg-0c4d5e6f708192a3b"]

  kms_key_arn          = aws_kms_key.snapshots.arn
  log_days             = 365
  report_days          = 731
  permissions_boundary = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/boundary"

  use_claim_name       = true
  disk_rule_namespaces = ["kube-system", "backup"]
  mirror_max_age       = "PT12H"
  settle_after         = "P30D"
  orphans              = "expire"
  orphan_grace         = "P60D"
  recycle_bin_days     = 7
  heartbeat_url        = var.heartbeat_url
  ping_url             = var.ping_url
  log_level            = "DEBUG"

  alarm_after_periods = 2
  alarm_emails        = ["backups@example.com", "on-call@example.com"]
}

variable "heartbeat_url" {
  description = "Gets a GET after each good pass; a secret, so not written down here."
  type        = string
  default     = "https://example.com/heartbeat"
  sensitive   = true
}

variable "ping_url" {
  description = "Gets a GET when snapshots were completed."
  type        = string
  default     = "https://example.com/ping"
  sensitive   = true
}

output "next_commands" {
  value = module.snapshots.next_commands
}
