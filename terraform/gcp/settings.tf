# One variable for each setting of the function: the same words and the same default. Left out are
# those that are made here (MIRROR_URL), credentials and endpoints, and what only the command line reads.

variable "cluster_name" {
  description = "The cluster whose rules are read, as its cloud knows it: on AWS the name of an EKS cluster in `AWS_REGION`, on Google Cloud `projects/P/locations/L/clusters/C`. With a kubeconfig it is only a name."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = var.cluster_name == "" || var.kube_config_secret != "" || var.rules_from == "mirror" || can(regex(
      "^projects/[^/\\s?#%]+/locations/[^/\\s?#%]+/clusters/[^/\\s?#%]+$", var.cluster_name
    ))
    error_message = "cluster_name is not the full name of a GKE cluster; write projects/PROJECT/locations/LOCATION/clusters/CLUSTER, where LOCATION is its region or zone. Set a name of another kind as cluster_id."
  }
}

variable "cluster_id" {
  description = "Label that marks this cluster's snapshots, where several clusters share an account. Default: `CLUSTER_NAME`, else the kubeconfig's cluster name."
  type        = string
  default     = ""
  nullable    = false
}

variable "kube_config_secret" {
  description = "A secret that holds a kubeconfig, for clusters that are neither EKS nor GKE. On AWS: its ARN or name in Secrets Manager. On Google Cloud: `projects/P/secrets/S`, or `projects/P/locations/L/secrets/S` of a regional one, perhaps with `/versions/V`."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(projects/[^/\\s?#%]+/(locations/[a-z0-9-]+/)?secrets/[-\\w]+(/versions/[-\\w]+)?)?$", var.kube_config_secret))
    error_message = "kube_config_secret is not the name of a secret; write projects/PROJECT/secrets/SECRET, or projects/PROJECT/locations/REGION/secrets/SECRET for a regional one. It may end in /versions/VERSION. Do not write what the secret holds."
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
    condition     = trimspace(var.deltas_annotation_key) != ""
    error_message = "deltas_annotation_key must not be empty; write such as backup.kubernetes.io/deltas."
  }
}

variable "snapshot_author_label" {
  description = "Value of the label that marks our snapshots."
  type        = string
  default     = "k8s-snapshots"
  nullable    = false

  validation {
    condition     = trimspace(var.snapshot_author_label) != ""
    error_message = "snapshot_author_label must not be empty; write such as k8s-snapshots."
  }
}

variable "snapshot_author_label_key" {
  description = "Key of the label that marks our snapshots: up to 63 characters, lowercase letters, digits, `-`, `_`."
  type        = string
  default     = "created-by"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-_a-z0-9]{0,62}$", var.snapshot_author_label_key))
    error_message = "snapshot_author_label_key must be a letter, then up to 62 lowercase letters, digits, - and _."
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
    condition     = trimspace(var.snapshot_datetime_format) != ""
    error_message = "snapshot_datetime_format must not be empty; write such as %d%m%y-%H%M%S."
  }
}

variable "schedule_period" {
  description = "How often the scheduler fires the function, an ISO 8601 duration. Decides how much early a snapshot may be."
  type        = string
  default     = "PT5M"
  nullable    = false

  validation {
    condition     = can(regex("^(PT([1-6]|10|12|15|20|30)M|PT([123468]|12)H|P1D)$", var.schedule_period))
    error_message = "schedule_period must be at least a minute and divide an hour or a day evenly. Write one of PT1M, PT2M, PT3M, PT4M, PT5M, PT6M, PT10M, PT12M, PT15M, PT20M, PT30M, PT1H, PT2H, PT3H, PT4H, PT6H, PT8H, PT12H and P1D."
  }
}

variable "disk_rule_namespaces" {
  description = "Namespaces whose SnapshotRules may use `spec.disk` and `spec.persistentVolume`, separated by commas. Default: all."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.disk_rule_namespaces : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))])
    error_message = "disk_rule_namespaces must be names of namespaces, such as [\"shop\", \"billing\"], or [] for all."
  }
}

variable "default_sources" {
  description = "Where deltas come from for volumes that no annotation of their own and no SnapshotRule names, separated by commas: `namespaces`, `storageclasses`, `policies`; `none` for nowhere. Each is a kind of object that has to be listed."
  type        = list(string)
  default     = ["namespaces", "storageclasses", "policies"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.default_sources : contains(["namespaces", "storageclasses", "policies"], name)])
    error_message = "default_sources must be some of namespaces, storageclasses and policies, or [] for none."
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
    condition = can(regex("\\d[DHMS]$", var.mirror_max_age)) && try(alltrue([
      for length in [sum([
        for place, count in regex("^P(?:(\\d+)D)?(?:T(?:(\\d+)H)?(?:(\\d+)M)?(?:(\\d+)S)?)?$", var.mirror_max_age) :
        [86400, 3600, 60, 1][place] * tonumber(coalesce(count, "0"))
      ])] : length >= 600 && length <= 2678400
    ]), false)
    error_message = "mirror_max_age must be an ISO 8601 duration in days, hours, minutes and seconds from PT10M to P31D, such as P1D."
  }
}

variable "pass_deadline" {
  description = "How long a pass may take on Google Cloud and on the command line; what cannot end in time is left to the next. A Lambda uses its own time-out."
  type        = string
  default     = "PT8M"
  nullable    = false

  validation {
    condition = can(regex("\\d[DHMS]$", var.pass_deadline)) && try(alltrue([
      for length in [sum([
        for place, count in regex("^P(?:(\\d+)D)?(?:T(?:(\\d+)H)?(?:(\\d+)M)?(?:(\\d+)S)?)?$", var.pass_deadline) :
        [86400, 3600, 60, 1][place] * tonumber(coalesce(count, "0"))
      ])] : length >= 60 && length <= 3300
    ]), false)
    error_message = "pass_deadline must be an ISO 8601 duration from PT1M to PT55M, such as PT8M."
  }
}

variable "settle_after" {
  description = "For how long a disk's rules must have been unchanged before snapshots are deleted that a former, mistyped or vanished rule kept, or that name no rule. At least `P1D`."
  type        = string
  default     = "P14D"
  nullable    = false

  validation {
    condition = can(regex("\\d[DHMS]$", var.settle_after)) && try(alltrue([
      for length in [sum([
        for place, count in regex("^P(?:(\\d+)D)?(?:T(?:(\\d+)H)?(?:(\\d+)M)?(?:(\\d+)S)?)?$", var.settle_after) :
        [86400, 3600, 60, 1][place] * tonumber(coalesce(count, "0"))
      ])] : length >= 86400 && length <= 315360000
    ]), false)
    error_message = "settle_after must be an ISO 8601 duration in days, hours, minutes and seconds from P1D to P3650D, such as P14D."
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
    condition = can(regex("\\d[DHMS]$", var.orphan_grace)) && try(alltrue([
      for length in [sum([
        for place, count in regex("^P(?:(\\d+)D)?(?:T(?:(\\d+)H)?(?:(\\d+)M)?(?:(\\d+)S)?)?$", var.orphan_grace) :
        [86400, 3600, 60, 1][place] * tonumber(coalesce(count, "0"))
      ])] : length >= 0 && length <= 315360000
    ]), false)
    error_message = "orphan_grace must be an ISO 8601 duration in days, hours, minutes and seconds from PT0S to P3650D, such as P30D."
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
    error_message = "ping_url is not a URL; write such as https://example.com/ping."
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
    error_message = "heartbeat_url is not a URL; write such as https://example.com/ping."
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

variable "gcloud_project" {
  description = "The project of disks whose volumes name none. Default: that of the credentials, else what the metadata service says."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9])?$", var.gcloud_project))
    error_message = "gcloud_project is not the ID of a project; write such as shop-production, not its number or display name."
  }
}

variable "projects" {
  description = "Projects to list beside those that rules name, separated by commas, so that orphans are seen there too."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.projects : can(regex("^([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$", name))])
    error_message = "projects must be IDs of projects, such as [\"shop-production\", \"shop-staging\"], without empty entries, numbers or display names."
  }
}

variable "storage_location" {
  description = "Where new snapshots are stored, such as `eu` or `europe-west1`. Default: Google's choice, nearest to the disk."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z]+|[a-z]+-[a-z]+[0-9]+)?$", var.storage_location))
    error_message = "storage_location is not a location; write such as eu or europe-west1."
  }
}

variable "snapshot_tag" {
  description = "A tag for new snapshots, `tagKeys/KEY=tagValues/VALUE`, on which the grant to delete snapshots then depends; older snapshots get it by `adopt --apply`. Default: none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(tagKeys/[0-9]+=tagValues/[0-9]+)?$", var.snapshot_tag))
    error_message = "snapshot_tag is not a tag by its permanent IDs; write such as tagKeys/123456789012=tagValues/567890123456. gcloud resource-manager tags values list --parent=tagKeys/KEY prints them."
  }
}

variable "guest_flush" {
  description = "Ask the guest to flush before a snapshot; fails where it cannot."
  type        = bool
  default     = false
  nullable    = false
}
