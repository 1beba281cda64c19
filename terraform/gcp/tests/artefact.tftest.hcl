# The artefact as a file, as an object, or as a URL with its checksum: one of them.

variables {
  project_id   = "shop-production"
  region       = "europe-west1"
  cluster_name = "projects/shop-production/locations/europe-west1/clusters/shop"
}

run "a_file" {
  command = plan
  variables {
    zip = "main.tf" # any file will do
  }

  assert {
    condition     = google_storage_bucket_object.zip[0].source == "main.tf" && length(google_storage_bucket_object.download) == 0
    error_message = "the file, and nothing is downloaded"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == "gcp-${filesha256("main.tf")}.zip"
    error_message = "is what is built"
  }
}

run "an_object" {
  command = plan
  variables {
    zip_object = { bucket = "acme-artefacts", name = "k8s-snapshots/gcp.zip", generation = 1767225600000000 }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].bucket == "acme-artefacts"
      && google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == "k8s-snapshots/gcp.zip"
      && google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].generation == 1767225600000000
    )
    error_message = "bucket, name and generation"
  }
  assert {
    condition     = google_storage_bucket_iam_member.build.bucket == "acme-artefacts"
    error_message = "the build may read it"
  }
  assert {
    condition     = length(google_storage_bucket.source) == 0 && length(google_storage_bucket_object.zip) == 0
    error_message = "no bucket is made for it"
  }
}

run "a_url" {
  command = plan
  variables {
    zip_url = { url = "https://example.com/gcp.zip", sha256 = filesha256("main.tf") }
  }

  assert {
    condition = (
      google_storage_bucket_object.download[0].name == "gcp-${filesha256("main.tf")}.zip"
      && endswith(google_storage_bucket_object.download[0].source, "/.terraform/k8s-snapshots/gcp-${filesha256("main.tf")}.zip")
    )
    error_message = "a file that is there once it is applied"
  }
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == "gcp-${filesha256("main.tf")}.zip"
    error_message = "is what is built"
  }
}

run "a_file_and_an_object" {
  command = plan
  variables {
    zip        = "main.tf"
    zip_object = { bucket = "acme-artefacts", name = "gcp.zip" }
  }
  expect_failures = [var.zip]
}

run "an_object_and_a_url" {
  command = plan
  variables {
    zip_object = { bucket = "acme-artefacts", name = "gcp.zip" }
    zip_url    = { url = "https://example.com/gcp.zip", sha256 = filesha256("main.tf") }
  }
  expect_failures = [var.zip]
}

run "a_bucket_as_an_address" {
  command = plan
  variables {
    zip_object = { bucket = "gs://acme-artefacts", name = "gcp.zip" }
  }
  expect_failures = [var.zip_object]
}

run "a_url_without_encryption" {
  command = plan
  variables {
    zip_url = { url = "http://example.com/gcp.zip", sha256 = filesha256("main.tf") }
  }
  expect_failures = [var.zip_url]
}

run "a_checksum_that_is_cut" {
  command = plan
  variables {
    zip_url = { url = "https://example.com/gcp.zip", sha256 = substr(filesha256("main.tf"), 0, 40) }
  }
  expect_failures = [var.zip_url]
}
