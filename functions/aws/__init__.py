"""The AWS Lambda function and what only AWS needs."""
