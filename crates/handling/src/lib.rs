//! handling
