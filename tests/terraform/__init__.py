"""The Terraform modules, held to the code that they deploy."""
