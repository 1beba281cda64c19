# The artefact as a file, as an object, or as a URL with its checksum: one of them.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "unused"
  secret_key                  = "unused"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

variables {
  cluster_name = "production"
}

run "a_file" {
  command = plan

  variables {
    zip = "main.tf" # any file will do
  }

  assert {
    condition     = aws_lambda_function.pass.filename == "main.tf" && aws_lambda_function.pass.source_code_hash == filebase64sha256("main.tf")
    error_message = "the file, and its checksum"
  }

  assert {
    condition     = aws_lambda_function.pass.s3_bucket == null && length(terraform_data.download) == 0
    error_message = "nothing is downloaded"
  }
}

run "an_object" {
  command = plan

  variables {
    zip_object = { bucket = "acme-artefacts", key = "k8s-snapshots/aws-arm64.zip", version = "3HL4kqtJvjVBH40Nrjfkd" }
  }

  assert {
    condition = (
      aws_lambda_function.pass.s3_bucket == "acme-artefacts" && aws_lambda_function.pass.s3_key == "k8s-snapshots/aws-arm64.zip"
      && aws_lambda_function.pass.s3_object_version == "3HL4kqtJvjVBH40Nrjfkd"
    )
    error_message = "bucket, key and version"
  }

  assert {
    condition     = aws_lambda_function.pass.filename == null
    error_message = "no file is asked for"
  }
}

run "a_url" {
  command = plan

  variables {
    zip_url = { url = "https://example.com/aws-arm64.zip", sha256 = filesha256("main.tf") }
  }

  assert {
    condition     = aws_lambda_function.pass.source_code_hash == filebase64sha256("main.tf")
    error_message = "the checksum as AWS gives it"
  }

  assert {
    condition     = endswith(aws_lambda_function.pass.filename, "/.terraform/k8s-snapshots/aws-${filesha256("main.tf")}.zip") && length(terraform_data.download) == 1
    error_message = "a file that is there once it is applied"
  }
}

run "another_checksum" {
  command = plan

  variables {
    zip_url = { url = "https://example.com/aws-arm64.zip", sha256 = filesha256("versions.tf") }
  }

  assert {
    condition     = aws_lambda_function.pass.source_code_hash == filebase64sha256("versions.tf")
    error_message = "each digit counts"
  }
}

run "a_file_and_a_url" {
  command         = plan
  expect_failures = [var.zip]

  variables {
    zip     = "main.tf"
    zip_url = { url = "https://example.com/aws-arm64.zip", sha256 = filesha256("main.tf") }
  }
}

run "an_object_and_a_url" {
  command         = plan
  expect_failures = [var.zip]

  variables {
    zip_object = { bucket = "acme-artefacts", key = "aws-arm64.zip" }
    zip_url    = { url = "https://example.com/aws-arm64.zip", sha256 = filesha256("main.tf") }
  }
}

run "a_bucket_as_an_address" {
  command         = plan
  expect_failures = [var.zip_object]

  variables {
    zip_object = { bucket = "s3://acme-artefacts", key = "aws-arm64.zip" }
  }
}

run "a_key_of_something_else" {
  command         = plan
  expect_failures = [var.zip_object]

  variables {
    zip_object = { bucket = "acme-artefacts", key = "aws-arm64" }
  }
}

run "a_url_without_encryption" {
  command         = plan
  expect_failures = [var.zip_url]

  variables {
    zip_url = { url = "http://example.com/aws-arm64.zip", sha256 = filesha256("main.tf") }
  }
}

run "a_checksum_in_base64" {
  command         = plan
  expect_failures = [var.zip_url]

  variables {
    zip_url = { url = "https://example.com/aws-arm64.zip", sha256 = filebase64sha256("main.tf") }
  }
}
