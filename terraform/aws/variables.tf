# What is deployed, and how. The function's settings are in settings.tf.

variable "name" {
  description = "Begins the name of everything that is made, and is the folder in the bucket, so that several clusters share an account."
  type        = string
  default     = "k8s-snapshots"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{0,30}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 32 lowercase letters, digits and hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "zip" {
  description = "The artefact as a file, such as `make build` makes. Default: `build/aws.zip` of the project, where neither `zip_object` nor `zip_url` is set."
  type        = string
  default     = null

  validation {
    condition     = length([for artefact in [var.zip, try(var.zip_object.bucket, null), try(var.zip_url.url, null)] : artefact if artefact != null]) <= 1
    error_message = "Set only one of zip, zip_object and zip_url."
  }
}

variable "zip_object" {
  description = "The artefact as an object in S3, in the function's region. Without `version`, give each artefact a key of its own: a new object under the same key is not noticed."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
  })
  default = null

  validation {
    condition     = var.zip_object == null ? true : can(regex("^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$", var.zip_object.bucket)) && can(regex("^[^/].*\\.zip$", var.zip_object.key))
    error_message = "zip_object needs a bucket's name alone, such as my-artefacts, and a key that ends in .zip, such as k8s-snapshots/aws-arm64.zip."
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

variable "architecture" {
  description = "`arm64` or `x86_64`; the artefact has to be made for the same one: `make build ARCH=x86_64`, or `aws-x86_64.zip` of a release."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory" {
  description = "Megabytes of memory of the function."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory >= 256 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "memory must be a whole number of megabytes from 256 to 10240."
  }
}

variable "timeout" {
  description = "Seconds that a pass may take; what cannot end in time is left to the next."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.timeout >= 240 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 240 to 900."
  }
}

variable "reserved_concurrency" {
  description = "How many passes may run at once. Default: one more than there are schedules; `-1` reserves none, for accounts whose limit is too low to reserve any."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "reserved_concurrency must be 1 or more, or -1 to reserve none. To pause passes, disable the schedules with paused = true."
  }
}

variable "schedule_per_region" {
  description = "One schedule for each of `regions` in place of one for all, for accounts with more disks than one pass can serve."
  type        = bool
  default     = false
  nullable    = false
}

variable "paused" {
  description = "Disable the schedules and the alarm on their absence; the function can still be invoked by hand."
  type        = bool
  default     = false
  nullable    = false
}

variable "bucket" {
  description = "Name of a bucket of yours for the mirror, the leases and the reports. Default: one is made, private, versioned, encrypted, with old versions and reports expiring."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null ? true : can(regex("^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be a bucket's name alone, such as my-backups, without s3:// and folders."
  }
}

variable "report_days" {
  description = "Days that reports are kept in the bucket that is made."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = var.report_days >= 1 && floor(var.report_days) == var.report_days
    error_message = "report_days must be a whole number of days, 1 or more."
  }
}

variable "log_days" {
  description = "Days that logs are kept, one of the numbers that CloudWatch knows."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "kms_key_arn" {
  description = "A key of yours for bucket, logs, environment and topic. Its policy has to let CloudWatch and CloudWatch Logs use it, as `examples/terraform/aws/full` does. Default: AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[-a-z]+:kms:[-a-z0-9]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:123456789012:key/…, not its id and not an alias."
  }
}

variable "kube_config_secret_kms_key_arn" {
  description = "The key that encrypts `kube_config_secret`, where it is one of yours."
  type        = string
  default     = null

  validation {
    condition     = var.kube_config_secret_kms_key_arn == null ? true : can(regex("^arn:[-a-z]+:kms:[-a-z0-9]+:\\d{12}:key/", var.kube_config_secret_kms_key_arn))
    error_message = "kube_config_secret_kms_key_arn must be the ARN of a key, not its id and not an alias."
  }
}

variable "permissions_boundary" {
  description = "ARN of a policy that bounds the roles that are made."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:[-a-z]+:iam::(\\d{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy, such as arn:aws:iam::123456789012:policy/boundary."
  }
}

variable "access_entry" {
  description = "Make the access entry that maps the function's role to the group of `manifests/rbac.yaml`. Off for clusters that know roles by `aws-auth` only."
  type        = bool
  default     = true
  nullable    = false
}

variable "mirror_pod_identity" {
  description = "Where `rules_from` is `mirror`: make the role of the CronJob that publishes it, and associate it by EKS Pod Identity, whose agent has to run in the cluster."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.mirror_pod_identity || (var.rules_from == "mirror" && var.cluster_name != "")
    error_message = "mirror_pod_identity is for rules_from = \"mirror\", and needs the name of an EKS cluster in cluster_name."
  }
}

variable "subnet_ids" {
  description = "Subnets to run in, for a cluster with a private endpoint; they need a way to the APIs that are called."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "subnet_ids must be ids such as subnet-0123456789abcdef0."
  }
}

variable "security_group_ids" {
  description = "Security groups to run in, beside `subnet_ids`; the cluster's has to let port 443 in from them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.security_group_ids : startswith(id, "sg-")])
    error_message = "security_group_ids must be ids such as sg-0123456789abcdef0."
  }

  validation {
    condition     = (length(var.security_group_ids) == 0) == (length(var.subnet_ids) == 0)
    error_message = "security_group_ids and subnet_ids go together: set both or none."
  }
}

variable "recycle_bin_days" {
  description = "Days that deleted snapshots with our label can be recovered from the Recycle Bin of each region; they are paid for meanwhile. Default: no rule is made."
  type        = number
  default     = null

  validation {
    condition     = var.recycle_bin_days == null ? true : var.recycle_bin_days >= 1 && var.recycle_bin_days <= 365 && floor(var.recycle_bin_days) == var.recycle_bin_days
    error_message = "recycle_bin_days must be a whole number of days from 1 to 365."
  }
}

variable "alarm_after_periods" {
  description = "For how many periods on end something has to be so before its alarm goes off."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.alarm_after_periods >= 1 && floor(var.alarm_after_periods) == var.alarm_after_periods
    error_message = "alarm_after_periods must be a whole number, 1 or more."
  }

  validation {
    condition     = var.alarm_after_periods * local.period <= (local.period < 3600 ? 86400 : 7 * 86400)
    error_message = "alarm_after_periods must be fewer: an alarm looks back a day at most, and seven where schedule_period is PT1H or more."
  }
}

variable "alarm_on_uncovered" {
  description = "Whether a bound volume that nothing covers, and that nobody opted out, is an alarm."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics of yours that alarms go to. Default: one is made."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[-a-z]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics, such as arn:aws:sns:eu-west-1:123456789012:alarms."
  }
}

variable "alarm_emails" {
  description = "Addresses to subscribe to the topic that is made; each has to confirm."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alarm_emails must be addresses such as backups@example.com."
  }

  validation {
    condition     = length(var.alarm_emails) == 0 || length(var.alarm_topic_arns) == 0
    error_message = "alarm_emails go to the topic that is made: leave alarm_topic_arns out, or subscribe them to your own topics."
  }
}
