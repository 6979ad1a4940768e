"""Who may do what: sign-ins, those that ended, the audit trail, and whether people may sign in."""
