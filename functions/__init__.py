"""One package per cloud: thin handlers and the ports that only that cloud needs."""
