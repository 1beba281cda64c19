# A GKE cluster in the function's own project, with everything else as it comes.
#   make build && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"
}

provider "google" {
  project = "shop-production"
  region  = "europe-west1"
}

module "k8s_snapshots" {
  source = "../../../../terraform/gcp"

  project_id   = "shop-production"
  region       = "europe-west1"
  cluster_name = "projects/shop-production/locations/europe-west1/clusters/shop"
}

output "next_commands" {
  value = module.k8s_snapshots.next_commands
}
