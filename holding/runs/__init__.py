"""When postings are sent: worker passes, date ranges, daily schedules, and the run history."""
