"""Clearpost portal: who sees and does what; asks holding, decides nothing."""
