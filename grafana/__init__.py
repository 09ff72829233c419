"""Dashboards as text, and the small programs that write and draw them. No part of the installed product."""
