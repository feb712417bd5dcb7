"""A stand-in for Cloudinary that speaks the wire protocol of its upload API and delivers what it stored."""
