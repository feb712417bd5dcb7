"""A stand-in for the mail server and everybody's inbox: takes mails over SMTP, shows them on a page."""
