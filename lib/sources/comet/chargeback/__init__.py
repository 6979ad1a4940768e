"""The admin report of a Comet server: users, workspaces, projects and sizes."""
