# Three EKS clusters of one account and region: a function for each, one bucket, one state.
#   terraform -chdir=examples/terraform/aws/three-clusters init
#   terraform -chdir=examples/terraform/aws/three-clusters apply
# Outside this project the source is "git::https://github.com/OWNER/REPO//terraform/aws?ref=v1.0.0".

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }

  backend "s3" {
    bucket       = "acme-terraform"
    key          = "k8s-snapshots.tfstate"
    region       = "eu-west-1"
    use_lockfile = true
  }
}

provider "aws" {
  region = "eu-west-1" # the clusters'
}

locals {
  # By the clusters' names. What is not said here is as the module has it.
  clusters = {
    production = { settle_after = "P30D", recycle_bin_days = 7 }
    staging    = {}
    data       = { schedule_period = "PT10M" }
  }

  # From SHA256SUMS of the release. To upgrade change both, and the ref of the source.
  artefact = {
    url    = "https://github.com/OWNER/REPO/releases/download/v1.0.0/aws-arm64.zip"
    sha256 = var.artefact_sha256
  }
}

variable "artefact_sha256" {
  description = "Checksum of aws-arm64.zip, from SHA256SUMS of the release."
  type        = string
}

module "snapshots" {
  source   = "../../../../terraform/aws"
  for_each = local.clusters

  name         = "snapshots-${each.key}" # begins all names, and is the folder in the bucket
  cluster_name = each.key
  zip_url      = local.artefact
  bucket       = aws_s3_bucket.snapshots.bucket

  settle_after     = try(each.value.settle_after, "P14D")
  schedule_period  = try(each.value.schedule_period, "PT5M")
  recycle_bin_days = try(each.value.recycle_bin_days, null)
  alarm_topic_arns = [aws_sns_topic.alarms.arn]
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26: CloudWatch cannot use the account's own key of SNS; alarms name clusters and counts
  name = "k8s-snapshots-alarms"
}

output "next_commands" {
  description = "What to run next, by cluster."
  value       = { for cluster, made in module.snapshots : cluster => made.next_commands }
}
