"""Run the samples and tests of rule files, and measure what they prove."""
