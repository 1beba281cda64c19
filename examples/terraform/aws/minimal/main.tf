# An EKS cluster whose API can be reached: every disk with a rule is snapshotted, alarms go to an address.
#   make build
#   terraform -chdir=examples/terraform/aws/minimal init
#   terraform -chdir=examples/terraform/aws/minimal apply

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
  region = "eu-west-1" # the cluster's
}

module "snapshots" {
  source = "../../../../terraform/aws"

  cluster_name = "production"
  alarm_emails = ["backups@example.com"]
}

output "next_commands" {
  value = module.snapshots.next_commands
}
