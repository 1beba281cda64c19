"""What builds and shows the project; nothing of it is deployed."""
