# Where it runs and how it is watched. The function's own settings are in settings.tf.

variable "project_id" {
  description = "The project that the function runs in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is not the ID of a project; write such as shop-production, not its number or display name."
  }
}

variable "region" {
  description = "The region of function, scheduler and bucket, such as `europe-west1`: best the cluster's."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)*-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region is not a region; write such as europe-west1, without a zone's letter."
  }
}

variable "name" {
  description = "Begins the name of everything that is made here, so that several clusters can share a project. 6 to 23 characters."
  type        = string
  default     = "k8s-snapshots"
  nullable    = false

  validation {
    # A service account's ID has 6 to 30 characters, and "-mirror" comes behind it.
    condition     = can(regex("^[a-z][-a-z0-9]{4,21}[a-z0-9]$", var.name))
    error_message = "name must be a letter, then lowercase letters, digits and -, 6 to 23 characters in all, and must not end in -; write such as k8s-snapshots or snapshots-shop."
  }
}

variable "labels" {
  description = "Labels for function, buckets and alert policies, beside `app`."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "zip" {
  description = "The artefact as a file, such as `make build` makes. Default: `build/gcp.zip` of the project, where neither `zip_object` nor `zip_url` is set."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = (var.zip == "" ? 0 : 1) + (var.zip_object == null ? 0 : 1) + (var.zip_url == null ? 0 : 1) <= 1
    error_message = "Set only one of zip, zip_object and zip_url."
  }

  validation {
    condition     = var.zip_object != null || var.zip_url != null || fileexists(coalesce(var.zip, "${path.module}/../../build/gcp.zip"))
    error_message = "There is no file ${coalesce(var.zip, "build/gcp.zip")}. Run make build in the project, or set zip, zip_object or zip_url."
  }
}

variable "zip_object" {
  description = "The artefact as an object in Cloud Storage. The build's service account is granted to read its bucket. Without `generation`, give each artefact a name of its own: a new object under the same name is not noticed."
  type = object({
    bucket     = string
    name       = string
    generation = optional(number)
  })
  default = null

  validation {
    condition     = var.zip_object == null ? true : can(regex("^[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]$", var.zip_object.bucket)) && can(regex("^[^/].*\\.zip$", var.zip_object.name))
    error_message = "zip_object needs a bucket's name alone, such as my-artefacts, and a name that ends in .zip, such as k8s-snapshots/gcp.zip."
  }
}

variable "zip_url" {
  description = "The artefact as a URL with its SHA-256 checksum, both from a release. The machine that applies needs `sh` and `curl`. Credentials, if any, come from `~/.netrc`."
  type = object({
    url    = string
    sha256 = string
  })
  default = null

  validation {
    condition     = var.zip_url == null ? true : startswith(var.zip_url.url, "https://")
    error_message = "zip_url.url must begin with https://."
  }

  validation {
    condition     = var.zip_url == null ? true : can(regex("^[0-9a-f]{64}$", var.zip_url.sha256))
    error_message = "zip_url.sha256 must be 64 hexadecimal digits, as SHA256SUMS of the release has them."
  }
}

variable "memory" {
  description = "Memory of an instance. A pass takes about 180 MB, and 60 MB more for 20,000 volumes."
  type        = string
  default     = "512Mi"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi|M|G)$", var.memory))
    error_message = "memory is not an amount; write such as 512Mi or 1Gi."
  }
}

variable "cpu" {
  description = "CPUs of an instance. With less than one, which Google would give to this much memory, a cold start takes three times as long."
  type        = string
  default     = "1"
  nullable    = false

  validation {
    condition     = can(regex("^([1248]|0\\.[0-9]+)$", var.cpu))
    error_message = "cpu is not a number of CPUs; write 1, 2, 4, 8 or a fraction such as 0.5."
  }
}

variable "timeout" {
  description = "Seconds after which Google ends a pass; more than `pass_deadline`, by which it ends itself. The scheduler waits no longer than 1800."
  type        = number
  default     = 540
  nullable    = false

  validation {
    condition     = var.timeout >= 60 && var.timeout <= 1800 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 60 to 1800, such as 540."
  }
}

variable "ingress" {
  description = "Who reaches the function's address. `ALLOW_ALL`: only IAM decides who may call. `ALLOW_INTERNAL_ONLY`: a call must also come from the project's networks or its scheduler."
  type        = string
  default     = "ALLOW_ALL"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY"], var.ingress)
    error_message = "ingress must be ALLOW_ALL or ALLOW_INTERNAL_ONLY."
  }
}

variable "invokers" {
  description = "Who may call the function by hand, beside the scheduler: principals such as `user:ann@example.com` or `group:ops@example.com`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for who in var.invokers : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):.+$", who))])
    error_message = "invokers must be principals, such as [\"user:ann@example.com\"]; group:, serviceAccount:, domain:, principal: and principalSet: are valid too. allUsers is refused, since a call can delete snapshots."
  }
}

variable "vpc_connector" {
  description = "ID of a Serverless VPC Access connector, `projects/P/locations/L/connectors/C`, for clusters with a private endpoint."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(projects/[^/]+/locations/[^/]+/connectors/[^/]+)?$", var.vpc_connector))
    error_message = "vpc_connector is not the ID of a connector; write projects/PROJECT/locations/REGION/connectors/CONNECTOR."
  }
  validation {
    condition     = var.vpc_connector == "" || var.subnetwork == ""
    error_message = "vpc_connector and subnetwork are two ways into a network: set one of them."
  }
}

variable "subnetwork" {
  description = "A subnetwork for direct VPC egress, `projects/P/regions/R/subnetworks/S`, instead of a connector."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(projects/[^/]+/regions/[^/]+/subnetworks/[^/]+)?$", var.subnetwork))
    error_message = "subnetwork is not the full name of one; write projects/PROJECT/regions/REGION/subnetworks/SUBNETWORK."
  }
}

variable "network_tags" {
  description = "Network tags of direct VPC egress, for firewall rules."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "egress" {
  description = "What goes through connector or subnetwork: `PRIVATE_RANGES_ONLY` or `ALL_TRAFFIC`. The latter for a cluster whose authorized networks hold only a NAT's address."
  type        = string
  default     = "PRIVATE_RANGES_ONLY"
  nullable    = false

  validation {
    condition     = contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], var.egress)
    error_message = "egress must be PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

variable "schedule_per_project" {
  description = "Whether each project with disks gets a schedule of its own, so that they are worked on side by side. Else one pass does them all."
  type        = bool
  default     = false
  nullable    = false
}

variable "paused" {
  description = "Whether the schedules are paused: for a first look by hand, or while something is repaired. No alert for missing passes meanwhile."
  type        = bool
  default     = false
  nullable    = false
}

variable "bucket" {
  description = "A bucket of your own for mirror, state and reports, with uniform access; `bucket_project` where another project has it. Default: one is made."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])?$", var.bucket))
    error_message = "bucket is not the name of a bucket; write such as shop-backups, without gs:// and without a path."
  }
}

variable "bucket_project" {
  description = "The project of `bucket`, if it is not `project_id`. The roles on the bucket are made there, since roles of one project cannot be granted in another. The plan compares it with the bucket's project; for that the bucket must exist and you must be able to read both (`storage.buckets.get`, `resourcemanager.projects.get`). If it is empty, a bucket of another project is noticed only at apply."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9])?$", var.bucket_project))
    error_message = "bucket_project is not the ID of a project; write such as shop-backups, not its number or display name."
  }
  validation {
    condition     = var.bucket_project == "" || var.bucket != ""
    error_message = "bucket_project is the project of a bucket of your own: set bucket too. The bucket that is made here is in project_id."
  }
}

variable "bucket_location" {
  description = "Where the bucket is made, such as `EU` or `europe-west1`. Default: `region`."
  type        = string
  default     = ""
  nullable    = false
}

variable "kms_key" {
  description = "A key for the bucket that is made, `projects/P/locations/L/keyRings/R/cryptoKeys/K`. Default: Google's own keys."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)?$", var.kms_key))
    error_message = "kms_key is not the full name of a key; write projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
}

variable "report_days" {
  description = "Days that full reports are kept."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = var.report_days >= 1 && floor(var.report_days) == var.report_days
    error_message = "report_days must be a whole number of days, at least 1, such as 400."
  }
}

variable "mirror_publishers" {
  description = "Who may write the mirror, where `rules_from` is `mirror`, beside the service account that is made for the CronJob: principals such as `principal://iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/subject/system:serviceaccount:kube-system:k8s-snapshots-mirror`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for who in var.mirror_publishers : can(regex("^(user|group|serviceAccount|principal|principalSet):.+$", who))])
    error_message = "mirror_publishers must be principals, such as [\"serviceAccount:mirror@shop-production.iam.gserviceaccount.com\"]; user:, group:, principal: and principalSet: are valid too."
  }
}

variable "notification_channels" {
  description = "Names of notification channels that alerts go to, `projects/P/notificationChannels/N`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", name))])
    error_message = "notification_channels must be channels, such as [\"projects/PROJECT/notificationChannels/NUMBER\"]; gcloud beta monitoring channels list prints them."
  }
}

variable "alarm_emails" {
  description = "Addresses that alerts go to; a channel is made for each."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s:]+@[^@\\s]+$", address))])
    error_message = "alarm_emails must be addresses, such as [\"ops@example.com\"]."
  }
}

variable "alarm_after_periods" {
  description = "After how many periods of the schedule without a completed pass it is an alert, and how long other troubles may last."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.alarm_after_periods >= 2 && var.alarm_after_periods <= 100 && floor(var.alarm_after_periods) == var.alarm_after_periods
    error_message = "alarm_after_periods must be a whole number from 2 to 100, such as 3. With 1 there would be an alert whenever a pass takes a little longer."
  }
}

variable "alarm_on_uncovered" {
  description = "Whether a bound volume that nothing covers, and that nobody opted out, is an alarm."
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_apis" {
  description = "Whether the APIs that are used are enabled here; they stay enabled afterwards. Without it, somebody else does that."
  type        = bool
  default     = true
  nullable    = false
}
