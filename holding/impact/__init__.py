"""What one change moves: posted documents it contradicts, and routes it would flood."""
