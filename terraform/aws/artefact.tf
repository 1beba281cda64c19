# Where the function's code comes from: a file, an object in a bucket, or a URL with its checksum.

locals {
  # Terraform downloads when it applies, not when it plans: a saved plan may be applied on another machine. What a
  # provider would download (`http`) would be text, and would lie in the state.
  download = var.zip_url == null ? null : "${path.root}/.terraform/k8s-snapshots/aws-${var.zip_url.sha256}.zip"
  # Null where Lambda takes an object.
  zip = var.zip_object != null ? null : coalesce(local.download, var.zip, "${path.module}/../../build/aws.zip")

  # AWS tells checksums in base64, releases in hexadecimal: three digits of the latter are two of the former.
  digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  threes = var.zip_url == null ? [] : [for i in range(21) : parseint(substr(var.zip_url.sha256, 3 * i, 3), 16)]
  base64 = join("", concat(
    [for n in local.threes : "${substr(local.digits, floor(n / 64), 1)}${substr(local.digits, n % 64, 1)}"],
    var.zip_url == null ? [] : [substr(local.digits, 4 * parseint(substr(var.zip_url.sha256, 63, 1), 16), 1), "="],
  ))
  zip_hash = (
    var.zip_url != null ? local.base64
    : local.zip == null ? null
    : fileexists(local.zip) ? filebase64sha256(local.zip) : null
  )
}

# Again for each other artefact, and whenever the function is made anew: only then is the file needed.
resource "terraform_data" "download" {
  count = var.zip_url == null ? 0 : 1

  triggers_replace = [var.zip_url.sha256, var.name, var.architecture]

  provisioner "local-exec" {
    command = "sh \"$SCRIPT\" \"$URL\" \"$SHA256\" \"$FILE\""
    environment = {
      SCRIPT = "${path.module}/download.sh"
      URL    = var.zip_url.url
      SHA256 = var.zip_url.sha256
      FILE   = local.download
    }
  }
}
