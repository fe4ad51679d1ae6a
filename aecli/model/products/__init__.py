"""The products that networks spend their time in: each one formula, with a program for each platform."""
