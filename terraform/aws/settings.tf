# The function's settings: name, default and description are those of the setting, and a test says so.
# What is left out is derived here (MIRROR_URL), set by Lambda (AWS_REGION), or for the command line.

variable "cluster_name" {
  description = "The cluster whose rules are read, as its cloud knows it: on AWS the name of an EKS cluster in `AWS_REGION`, on Google Cloud `projects/P/locations/L/clusters/C`. With a kubeconfig it is only a name."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = !startswith(var.cluster_name, "arn:")
    error_message = "cluster_name must be the name of the cluster, not its ARN: the part after \"cluster/\", ${try(split("cluster/", var.cluster_name)[1], "such as production")}."
  }

  validation {
    condition     = var.cluster_name == "" || var.kube_config_secret != "" || can(regex("^[0-9A-Za-z][-_0-9A-Za-z]{0,99}$", var.cluster_name)) || startswith(var.cluster_name, "arn:")
    error_message = "cluster_name must be the name of an EKS cluster: up to 100 letters, digits, - and _."
  }

  validation {
    condition     = var.cluster_name != "" || var.rules_from == "mirror" || var.kube_config_secret != ""
    error_message = "cluster_name must name the EKS cluster, unless kube_config_secret names a secret that holds a kubeconfig, or rules_from is mirror."
  }

  validation {
    condition     = can(regex("^[ -#%-~]*$", var.cluster_name))
    error_message = "cluster_name must be ASCII characters without $: the function's policy contains it."
  }

  validation {
    condition     = var.cluster_name != "" || var.cluster_id != ""
    error_message = "cluster_name or cluster_id must be set: snapshots are labelled with it, and the alarms look for it."
  }
}

variable "cluster_id" {
  description = "Label that marks this cluster's snapshots, where several clusters share an account. Default: `CLUSTER_NAME`, else the kubeconfig's cluster name."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.cluster_id) <= 255 && trimspace(var.cluster_id) == var.cluster_id
    error_message = "cluster_id must be up to 255 characters, without blanks around them: it is the value of a tag."
  }

  # IAM takes no others in a policy, and reads $ as the beginning of a variable.
  validation {
    condition     = can(regex("^[ -#%-~]*$", var.cluster_id))
    error_message = "cluster_id must be ASCII characters without $, such as production-eu: the function's policy contains it."
  }
}

variable "kube_config_secret" {
  description = "A secret that holds a kubeconfig, for clusters that are neither EKS nor GKE. On AWS: its ARN or name in Secrets Manager. On Google Cloud: `projects/P/secrets/S`, or `projects/P/locations/L/secrets/S` of a regional one, perhaps with `/versions/V`."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[-\\w/+=.@:]{0,600}$", var.kube_config_secret))
    error_message = "kube_config_secret must be the ARN or name of a secret that holds a kubeconfig, not what it holds."
  }
}

variable "use_claim_name" {
  description = "Name snapshots after the claim instead of the volume or rule."
  type        = bool
  default     = false
  nullable    = false
}

variable "deltas_annotation_key" {
  description = "The annotation that holds deltas."
  type        = string
  default     = "backup.kubernetes.io/deltas"
  nullable    = false

  validation {
    condition     = var.deltas_annotation_key != ""
    error_message = "deltas_annotation_key must be the key of an annotation, such as backup.kubernetes.io/deltas."
  }
}

variable "snapshot_author_label" {
  description = "Value of the label that marks our snapshots."
  type        = string
  default     = "k8s-snapshots"
  nullable    = false

  validation {
    condition     = length(var.snapshot_author_label) > 0 && length(var.snapshot_author_label) <= 255
    error_message = "snapshot_author_label must be 1 to 255 characters: it is the value of a tag."
  }

  validation {
    condition     = can(regex("^[ -#%-~]*$", var.snapshot_author_label))
    error_message = "snapshot_author_label must be ASCII characters without $: the function's policy contains it."
  }
}

variable "snapshot_author_label_key" {
  description = "Key of the label that marks our snapshots: on AWS any key of a tag, such as `CreatedBy`."
  type        = string
  default     = "created-by"
  nullable    = false

  validation {
    condition     = can(regex("^[\\w.:/=+@-]{1,128}$", var.snapshot_author_label_key)) && !startswith(var.snapshot_author_label_key, "aws:")
    error_message = "snapshot_author_label_key must be up to 128 letters, digits and . : / = + @ - _, not beginning with aws:."
  }
}

variable "keep_label" {
  description = "Key of the label that forbids to delete a snapshot: `true`, or a date until which it is kept, such as `2027-01-31`."
  type        = string
  default     = "k8s-snapshots-keep"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-_a-z0-9]{0,62}$", var.keep_label))
    error_message = "keep_label must be a letter, then up to 62 lowercase letters, digits, - and _."
  }
}

variable "snapshot_datetime_format" {
  description = "strftime format of the time in a snapshot's name, UTC."
  type        = string
  default     = "%d%m%y-%H%M%S"
  nullable    = false

  validation {
    condition     = var.snapshot_datetime_format != ""
    error_message = "snapshot_datetime_format must be a strftime format to the minute at least, such as %d%m%y-%H%M%S."
  }
}

variable "schedule_period" {
  description = "How often the scheduler fires the function, an ISO 8601 duration. Decides how much early a snapshot may be."
  type        = string
  default     = "PT5M"
  nullable    = false

  validation {
    condition = can(regex(local.duration, var.schedule_period)) && alltrue([
      for seconds in [sum([for part in regexall("(\\d+)([DHMS])", "0D${var.schedule_period}") : part[0] * local.units[part[1]]])] :
      seconds >= 60 && seconds % 60 == 0 && seconds <= 86400
    ])
    error_message = "schedule_period must be whole minutes, from PT1M to P1D, such as PT5M for every five minutes."
  }
}

variable "disk_rule_namespaces" {
  description = "Namespaces whose SnapshotRules may use `spec.disk` and `spec.persistentVolume`, separated by commas. Default: all."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.disk_rule_namespaces : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))])
    error_message = "disk_rule_namespaces must be names of namespaces, such as [\"kube-system\"], or empty for all."
  }
}

variable "default_sources" {
  description = "Where deltas come from for volumes that no annotation of their own and no SnapshotRule names, separated by commas: `namespaces`, `storageclasses`, `policies`; `none` for nowhere. Each is a kind of object that has to be listed."
  type        = list(string)
  default     = ["namespaces", "storageclasses", "policies"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.default_sources : contains(["namespaces", "storageclasses", "policies"], name)])
    error_message = "default_sources must be some of namespaces, storageclasses and policies, or empty for none."
  }
}

variable "rules_from" {
  description = "`cluster`: rules are read from its API, and from the mirror while that cannot be reached. `mirror`: from there only, for clusters that the function cannot reach; a CronJob in `manifests/` publishes it."
  type        = string
  default     = "cluster"
  nullable    = false

  validation {
    condition     = contains(["cluster", "mirror"], var.rules_from)
    error_message = "rules_from must be cluster or mirror."
  }
}

variable "mirror_max_age" {
  description = "A mirror older than this deletes nothing where it is the only source of rules. A mirror that is written by the function is renewed every quarter of it."
  type        = string
  default     = "P1D"
  nullable    = false

  validation {
    condition = can(regex(local.duration, var.mirror_max_age)) && alltrue([
      for seconds in [sum([for part in regexall("(\\d+)([DHMS])", "0D${var.mirror_max_age}") : part[0] * local.units[part[1]]])] :
      seconds >= 600 && seconds <= 31 * 86400
    ])
    error_message = "mirror_max_age must be an ISO 8601 duration from PT10M to P31D, such as P1D."
  }
}

variable "settle_after" {
  description = "For how long a disk's rules must have been unchanged before snapshots are deleted that a former, mistyped or vanished rule kept, or that name no rule. At least `P1D`."
  type        = string
  default     = "P14D"
  nullable    = false

  validation {
    condition = can(regex(local.duration, var.settle_after)) && alltrue([
      for seconds in [sum([for part in regexall("(\\d+)([DHMS])", "0D${var.settle_after}") : part[0] * local.units[part[1]]])] :
      seconds >= 86400 && seconds <= 3650 * 86400
    ])
    error_message = "settle_after must be an ISO 8601 duration from P1D to P3650D, such as P14D."
  }
}

variable "orphans" {
  description = "What becomes of snapshots of this cluster whose disk no rule covers any more. `expire`: they expire, each by its own deltas; the newest never does."
  type        = string
  default     = "keep"
  nullable    = false

  validation {
    condition     = contains(["keep", "expire"], var.orphans)
    error_message = "orphans must be keep or expire."
  }
}

variable "orphan_grace" {
  description = "How long after its newest snapshot a disk's orphans begin to expire, where `ORPHANS=expire`."
  type        = string
  default     = "P30D"
  nullable    = false

  validation {
    condition = can(regex(local.duration, var.orphan_grace)) && alltrue([
      for seconds in [sum([for part in regexall("(\\d+)([DHMS])", "0D${var.orphan_grace}") : part[0] * local.units[part[1]]])] :
      seconds <= 3650 * 86400
    ])
    error_message = "orphan_grace must be an ISO 8601 duration up to P3650D, such as P30D."
  }
}

variable "write_status" {
  description = "Write the status of SnapshotRules, and Events on claims and volumes whose annotation has a problem. Needs `manifests/rbac-status.yaml`."
  type        = bool
  default     = false
  nullable    = false
}

variable "report_html" {
  description = "Write the report as a page of HTML beside the mirror, once an hour at most. It shows all tenants. Needs `MIRROR_URL`."
  type        = bool
  default     = false
  nullable    = false
}

variable "disk_metrics" {
  description = "Measure each disk too: `SnapshotAge`, with the dimension `disk`. Costs a metric for each."
  type        = bool
  default     = false
  nullable    = false
}

variable "ping_url" {
  description = "Gets a GET at the end of a pass that saw snapshots completed which an earlier pass began. Needs `MIRROR_URL`."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^(https?://\\S+)?$", var.ping_url))
    error_message = "ping_url must be a URL such as https://example.com/ping."
  }
}

variable "heartbeat_url" {
  description = "Gets a GET at the end of a pass that did its work and found nothing overdue, for a dead man's switch."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^(https?://\\S+)?$", var.heartbeat_url))
    error_message = "heartbeat_url must be a URL such as https://example.com/ping."
  }
}

variable "log_level" {
  description = "`DEBUG`, `INFO`, `WARNING` or `ERROR`."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "regions" {
  description = "Regions to list beside those that rules name, separated by commas, so that orphans are seen there too."
  type        = list(string)
  default     = null

  validation {
    condition     = var.regions == null || try(length(var.regions) > 0, true)
    error_message = "regions must name at least one region, such as [\"eu-west-1\"]; leave it out for the current one."
  }

  validation {
    condition     = alltrue([for name in coalesce(var.regions, []) : can(regex("^[a-z]{2,4}(-[a-z]+)+-\\d{1,2}$", name))])
    error_message = "regions must be names of regions, such as eu-west-1: not of zones, such as eu-west-1a, which has one letter more."
  }

  validation {
    condition     = length(distinct(coalesce(var.regions, []))) == length(coalesce(var.regions, []))
    error_message = "regions must name each region once."
  }
}

variable "extra_tags" {
  description = "Further tags of every snapshot that is made, `key=value`, separated by commas, such as an organisation's policy wants."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.extra_tags :
      can(regex("^[\\w.:/+@-]([\\w .:/+@-]{0,126}[\\w.:/+@-])?$", key)) && can(regex("^([\\w.:/+=@-]([\\w .:/+=@-]{0,254}[\\w.:/+=@-])?)?$", value))
    ])
    error_message = "extra_tags must have keys of up to 128 and values of up to 256 letters, digits, blanks and . : / + = @ - _; no = in keys."
  }

  validation {
    condition = length(var.extra_tags) <= 30 && alltrue([
      for key in keys(var.extra_tags) :
      !startswith(lower(key), "aws:") && !startswith(key, "k8s-snapshots-") && !contains(["Name", var.snapshot_author_label_key, var.keep_label], key)
    ])
    error_message = "extra_tags must be at most 30, must not begin with aws: or k8s-snapshots-, and must not be Name, snapshot_author_label_key or keep_label: the function sets those itself."
  }
}
