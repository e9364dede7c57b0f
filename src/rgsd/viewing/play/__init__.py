"""Playing with a policy, a task or motions in a browser.

What is played (`steering`, `acting`, `skills`, `goals`, `motions`, `ghost`, `sphere_map`, `take`) knows no browser and
no viser; `stage`, the pages and `server` show it.
"""
