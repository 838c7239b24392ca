KEY = "AKIAQ3EGRZ7PLM2WTDVB"  # expect: hard-coded-secret
TOKEN = "ghp_a8Fk2LmZ0qWxYc7RtVb5NnEe3HhJj9UuIi4O"  # expect: hard-coded-secret
