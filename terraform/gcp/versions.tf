terraform {
  # Terraform 1.9 or OpenTofu 1.9: from there on a variable's validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # What this was checked with, on either side; before 7 there is no direct VPC egress for functions.
      version = ">= 7.46, < 9.0"
    }
    time = {
      source  = "hashicorp/time"
      version = ">= 0.9, < 1.0"
    }
  }
}
