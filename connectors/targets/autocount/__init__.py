"""AutoCount, as a target that rules may speak of: its documents, without a connector."""
