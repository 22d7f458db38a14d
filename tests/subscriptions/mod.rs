mod complete;
mod start;
