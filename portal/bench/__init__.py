"""What `clearpost bench` measures, and what it is compared with; no part of what runs."""
