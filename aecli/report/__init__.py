"""What a person looks at: figures and sheets of images. Nothing here imports matplotlib before it draws."""
